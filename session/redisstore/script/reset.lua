-- Reset a session: put its turns away and close its questions unanswered. Settings
-- and known message ids stay.
--
-- KEYS 1 log  2 wait  3 waiting  4 undo
-- ARGV 1 what members of waiting begin with for this channel  2 TTL of undo, ms
for _, id in ipairs(redis.call('HKEYS', KEYS[2])) do
  redis.call('ZREM', KEYS[3], ARGV[1] .. id)
end
redis.call('DEL', KEYS[2])
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('RENAME', KEYS[1], KEYS[4])
  redis.call('PEXPIRE', KEYS[4], ARGV[2])
end
return 1

-- Reset a session: drop its turns and close its questions unanswered. Settings
-- and known message ids stay.
--
-- KEYS 1 log  2 wait  3 waiting
-- ARGV 1 what members of waiting begin with for this channel
for _, id in ipairs(redis.call('HKEYS', KEYS[2])) do
  redis.call('ZREM', KEYS[3], ARGV[1] .. id)
end
redis.call('DEL', KEYS[1], KEYS[2])
return 1

-- Replace settings if they are still what they were.
--
-- KEYS 1 cfg
-- ARGV 1 expected settings or ''  2 new settings or '' for none
-- Returns 1 if replaced, 0 if they had changed.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then
  return 0
end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2])
end
return 1

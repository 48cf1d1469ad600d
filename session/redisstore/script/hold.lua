-- Take charge of an open question that nobody is at.
--
-- KEYS 1 wait  2 hold
-- ARGV 1 message id  2 owner  3 TTL, ms
-- Returns 1 if the owner is in charge, 0 if somebody else is or it is not open.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  return 0
end
local owner = redis.call('GET', KEYS[2])
if owner and owner ~= ARGV[2] then
  return 0
end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1

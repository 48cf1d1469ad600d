-- Take a shard that nobody holds, or go on holding it.
--
-- KEYS 1 shard
-- ARGV 1 process  2 lease, ms
-- Returns 1 if the process holds it, else 0.
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1

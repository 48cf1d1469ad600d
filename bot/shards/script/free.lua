-- Give a shard back, if it is the process's.
--
-- KEYS 1 shard
-- ARGV 1 process
-- Returns how many were given back.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0

-- Remove what is left of a worker, if its lease is over and nothing waits for it.
--
-- KEYS 1 lease  2 stream  3 set of workers
-- ARGV 1 worker
-- Returns 1 if it is gone.
if redis.call('EXISTS', KEYS[1]) == 1 or redis.call('XLEN', KEYS[2]) > 0 then
  return 0
end
redis.call('DEL', KEYS[2])
redis.call('SREM', KEYS[3], ARGV[1])
return 1

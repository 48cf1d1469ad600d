-- Put a job into a stream, if there is room and, for a worker's own, it lives.
--
-- KEYS 1 stream  2 lease of the worker, or the stream again for any
-- ARGV 1 encoded job  2 entries allowed
-- Returns the entry's id, 'full' or 'gone'.
if KEYS[2] ~= KEYS[1] and redis.call('EXISTS', KEYS[2]) == 0 then
  return 'gone'
end
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[2]) then
  return 'full'
end
return redis.call('XADD', KEYS[1], '*', 'job', ARGV[1])

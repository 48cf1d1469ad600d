-- Put a job into a stream, if there is room and, for a worker's own, it lives. Entries of
-- jobs that are being done take no room.
--
-- KEYS 1 stream  2 lease of the worker, or the stream again for any
-- ARGV 1 encoded job  2 entries allowed to wait  3 group
-- Returns the entry's id, 'full' or 'gone'.
if KEYS[2] ~= KEYS[1] and redis.call('EXISTS', KEYS[2]) == 0 then
  return 'gone'
end
local taken = redis.pcall('XPENDING', KEYS[1], ARGV[3]) -- an error if nobody has read yet
if redis.call('XLEN', KEYS[1]) - (taken[1] or 0) >= tonumber(ARGV[2]) then
  return 'full'
end
return redis.call('XADD', KEYS[1], '*', 'job', ARGV[1])

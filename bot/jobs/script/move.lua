-- Move an entry from one stream to another.
--
-- KEYS 1 from  2 to
-- ARGV 1 entry's id  2 group  3 encoded job
-- Returns 1; 0 if it was not there any more.
redis.call('XACK', KEYS[1], ARGV[2], ARGV[1])
if redis.call('XDEL', KEYS[1], ARGV[1]) == 0 then
  return 0
end
redis.call('XADD', KEYS[2], '*', 'job', ARGV[3])
return 1

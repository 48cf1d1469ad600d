-- Make a message id a known one, without a question.
--
-- KEYS 1 seen
-- ARGV 1 message id  2 now, ms  3 ids kept  4 TTL of seen, ms
-- Returns 1 if it was not known, else 0.
if redis.call('ZADD', KEYS[1], 'NX', ARGV[2], ARGV[1]) == 0 then
  return 0
end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, '-' .. (ARGV[3] + 1))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1

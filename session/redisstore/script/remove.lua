-- Remove one turn and close its question, if it is an open one.
--
-- KEYS 1 log  2 wait  3 waiting  4 undo
-- ARGV 1 message id  2 its encoded turn as it stands in the log or in undo, or ''
--      3 member of waiting
-- Returns 1, or 0 if the turn had changed: then nothing was done.
if ARGV[2] ~= '' and redis.call('LREM', KEYS[1], 0, ARGV[2]) + redis.call('LREM', KEYS[4], 0, ARGV[2]) == 0 then
  return 0
end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[3])
return 1

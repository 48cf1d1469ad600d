-- Remove a turn with the answer to it, and close its question, if it is an open one.
--
-- KEYS 1 log  2 wait  3 waiting  4 undo
-- ARGV 1 message id  2 member of waiting  3 1 if it is an open question, else 0;
--      then encoded turns as they stand in the log or in undo: those of the answer
--      before that of the message, by which an answer is found again
-- Returns 1; or 0 if it was answered since, or a turn had changed. Then those before
-- that one are removed, and the caller reads again.
if redis.call('HEXISTS', KEYS[2], ARGV[1]) ~= tonumber(ARGV[3]) then
  return 0
end
for i = 4, #ARGV do
  if redis.call('LREM', KEYS[1], 0, ARGV[i]) + redis.call('LREM', KEYS[4], 0, ARGV[i]) == 0 then
    return 0
  end
end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[2])
return 1

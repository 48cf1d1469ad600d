-- Replace one turn if it is still what it was, in the log and, if it is an open
-- question, there too.
--
-- KEYS 1 log  2 wait
-- ARGV 1 message id  2 encoded turn expected  3 encoded turn to put in its place
-- Returns 1 if it is replaced, now or in an earlier call; 0 if it had changed.
local log = redis.call('LRANGE', KEYS[1], 0, -1)
for i = #log, 1, -1 do
  if log[i] == ARGV[2] then
    redis.call('LSET', KEYS[1], i - 1, ARGV[3])
    local open = redis.call('HGET', KEYS[2], ARGV[1])
    if open and string.sub(open, 33) == ARGV[2] then
      redis.call('HSET', KEYS[2], ARGV[1], string.sub(open, 1, 32) .. ARGV[3])
    end
    return 1
  end
end
for i = #log, 1, -1 do
  if log[i] == ARGV[3] then
    return 1
  end
end
return 0

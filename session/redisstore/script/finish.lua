-- Finish a question: close it and put the answer directly behind it. A question
-- that is not open (finished, reset, removed, given up) gets no answer.
--
-- KEYS 1 log  2 seen  3 wait  4 waiting  5 stat  6 stat of the day  7 hold
-- ARGV 1 question's id  2 encoded answer or ''  3 answer's id or ''  4 now, ms
--      5 turns kept  6 session TTL, ms  7 ids kept  8 member of waiting
--      9 TTL of the day, ms  10 TTL of seen, ms; then counters to add to: name, amount, ...
-- Returns 1 if this answer finished the question, now or in an earlier call; else 0.
local open = redis.call('HGET', KEYS[3], ARGV[1])
if not open then
  if ARGV[3] ~= '' and redis.call('ZSCORE', KEYS[2], ARGV[3]) then
    return 1
  end
  return 0
end
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[8])
redis.call('DEL', KEYS[7])
if ARGV[3] ~= '' then
  redis.call('ZADD', KEYS[2], 'NX', ARGV[4], ARGV[3])
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, '-' .. (ARGV[7] + 1))
end
if ARGV[2] ~= '' then
  if redis.call('LINSERT', KEYS[1], 'AFTER', string.sub(open, 33), ARGV[2]) > tonumber(ARGV[5]) then
    redis.call('LTRIM', KEYS[1], '-' .. ARGV[5], -1)
  end
  redis.call('HINCRBY', KEYS[5], 'answers', 1)
  redis.call('HINCRBY', KEYS[6], 'answers', 1)
end
for i = 11, #ARGV, 2 do
  if ARGV[i + 1] ~= '0' then
    redis.call('HINCRBY', KEYS[5], ARGV[i], ARGV[i + 1])
    redis.call('HINCRBY', KEYS[6], ARGV[i], ARGV[i + 1])
  end
end
if redis.call('PTTL', KEYS[6]) == -1 then -- the day's first
  redis.call('PEXPIRE', KEYS[6], ARGV[9])
end
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('PEXPIRE', KEYS[2], ARGV[10])
redis.call('PEXPIRE', KEYS[3], ARGV[6])
return 1

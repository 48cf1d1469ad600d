-- Say something of a job: a piece of text, or its end. A repeated call (same number)
-- changes nothing.
--
-- An attempt that has said something did not die before a word.
--
-- KEYS 1 job  2 out
-- ARGV 1 job's id  2 attempt  3 number  4 kind  5 data  6 tokens  7 TTL of out, ms  8 trace or ''
--      9 bytes of the answer's text before a piece  10 token of the attempt
-- Returns 1; 0 if another attempt has begun, or a failover lost the beginning of this one;
-- -1 if nobody wants the job any more; -2 if a failover lost what was said before.
local h = redis.call('HMGET', KEYS[1], 'attempt', 'n', 'done', 'text', 'blame', 'token')
if not h[1] then
  return -1
end
if h[6] ~= ARGV[10] then
  return 0
end
if tonumber(h[2]) >= tonumber(ARGV[3]) then
  return 1
end
if h[3] then
  return -1
end
if tonumber(h[2]) + 1 < tonumber(ARGV[3]) then
  return -2
end
if tonumber(h[2]) == 0 and h[5] == '1' then
  redis.call('HINCRBY', KEYS[1], 'mute', -1)
end
redis.call('HSET', KEYS[1], 'n', ARGV[3])
if ARGV[4] == 'piece' then
  redis.call('HSET', KEYS[1], 'text', (h[4] or '') .. ARGV[5])
  redis.call('HINCRBY', KEYS[1], 'tokens', ARGV[6])
else
  redis.call('HSET', KEYS[1], 'done', '1')
end
redis.call('XADD', KEYS[2], '*', 'j', ARGV[1], 'a', ARGV[2], 'n', ARGV[3], 'k', ARGV[4], 'd', ARGV[5], 'c', ARGV[6], 'z', ARGV[8], 'o', ARGV[9])
redis.call('PEXPIRE', KEYS[2], ARGV[7])
return 1

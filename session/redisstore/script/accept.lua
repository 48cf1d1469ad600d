-- Accept a message: claim its id, append it, trim, count, and open its question.
-- All or nothing; running it again with the same token changes nothing and
-- reports the same as long as the question is open.
--
-- KEYS 1 log  2 seen  3 wait  4 waiting  5 stat  6 stat of the day  7 hold
-- ARGV 1 message id  2 encoded turn  3 token, 32 bytes  4 now, ms  5 turns kept
--      6 session TTL, ms  7 ids kept  8 member of waiting
--      9 accept time before which questions are given up, ms  10 TTL of the day, ms
--      11 TTL of seen, ms  12 owner  13 TTL of hold, ms
--      14 headers of sealed values that the caller can open
-- Returns {1 accepted or 0 known before, ''}; or {-1, header} if the oldest or the
-- newest turn is sealed with a key that the caller has not got. Then nothing is done: what
-- it cannot read it shall not push out. The session is read behind the script: 60 turns
-- take 2 µs as a command and 32 µs through Lua.
local function closed(turn)
  local header = turn and string.match(turn, '^2:[^:]*:')
  return header and not string.find(ARGV[14], header, 1, true) and header
end
local header = closed(redis.call('LINDEX', KEYS[1], 0)) or closed(redis.call('LINDEX', KEYS[1], -1))
if header then
  return {-1, header}
end
local accepted = 0
if redis.call('ZADD', KEYS[2], 'NX', ARGV[4], ARGV[1]) == 1 then
  accepted = 1
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, '-' .. (ARGV[7] + 1))
  if redis.call('RPUSH', KEYS[1], ARGV[2]) > tonumber(ARGV[5]) then
    redis.call('LTRIM', KEYS[1], '-' .. ARGV[5], -1)
  end
  redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', '(' .. ARGV[9])
  local channel = string.sub(ARGV[8], 1, -#ARGV[1] - 1)
  for _, id in ipairs(redis.call('HKEYS', KEYS[3])) do
    if not redis.call('ZSCORE', KEYS[4], channel .. id) then -- given up
      redis.call('HDEL', KEYS[3], id)
    end
  end
  redis.call('HSET', KEYS[3], ARGV[1], ARGV[3] .. ARGV[2])
  redis.call('ZADD', KEYS[4], ARGV[4], ARGV[8])
  redis.call('HINCRBY', KEYS[5], 'messages', 1)
  if redis.call('HINCRBY', KEYS[6], 'messages', 1) == 1 then -- the day's first
    redis.call('PEXPIRE', KEYS[6], ARGV[10])
  end
  redis.call('PEXPIRE', KEYS[1], ARGV[6])
  redis.call('PEXPIRE', KEYS[2], ARGV[11])
  redis.call('PEXPIRE', KEYS[3], ARGV[6])
  redis.call('SET', KEYS[7], ARGV[12], 'PX', ARGV[13])
else
  local open = redis.call('HGET', KEYS[3], ARGV[1])
  if open and string.sub(open, 1, 32) == ARGV[3] then
    accepted = 1
  end
end
return {accepted, ''}

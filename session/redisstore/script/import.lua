-- Put what an archive holds of a channel into it; what is there stays as it is.
--
-- KEYS 1 log  2 seen  3 wait  4 waiting  5 cfg
-- ARGV 1 digest of the log as the caller read it  2 turns kept  3 ids kept
--      4 session TTL, ms, if there is no session yet  5 TTL of seen, ms
--      6 settings or ''  7 number of turns  8 number of open questions; then for each
--      turn its id, the encoded turn, and when it became known, ms; for each question
--      its id, token and encoded turn, member of waiting, and when it was accepted, ms;
--      then ids that are known and since when, ms
-- Returns how many turns were added; -1 if the log is another: then nothing is done.
local log = redis.call('LRANGE', KEYS[1], 0, -1)
if redis.sha1hex(table.concat(log, '\n')) ~= ARGV[1] then
  return -1
end
local n, open = tonumber(ARGV[7]), tonumber(ARGV[8])
local added = {}
local new = {}
for i = 0, n - 1 do
  local id = ARGV[9 + 3 * i]
  if redis.call('ZADD', KEYS[2], 'NX', ARGV[11 + 3 * i], id) == 1 then
    new[id] = true
    added[#added + 1] = ARGV[10 + 3 * i]
  end
end
for i = #added, 1, -1 do
  redis.call('LPUSH', KEYS[1], added[i])
end
redis.call('LTRIM', KEYS[1], '-' .. ARGV[2], -1)
local at = 9 + 3 * n
for i = 0, open - 1 do
  local id = ARGV[at + 4 * i]
  if new[id] or redis.call('ZADD', KEYS[2], 'NX', ARGV[at + 3 + 4 * i], id) == 1 then
    redis.call('HSET', KEYS[3], id, ARGV[at + 1 + 4 * i])
    redis.call('ZADD', KEYS[4], ARGV[at + 3 + 4 * i], ARGV[at + 2 + 4 * i])
  end
end
for i = at + 4 * open, #ARGV, 2 do
  redis.call('ZADD', KEYS[2], 'NX', ARGV[i + 1], ARGV[i])
end
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, '-' .. (ARGV[3] + 1))
local left = #log > 0 and redis.call('PTTL', KEYS[1]) or -1 -- of the session that is there
local ttl = left >= 0 and string.format('%d', left) or ARGV[4]
redis.call('PEXPIRE', KEYS[1], ttl)
redis.call('PEXPIRE', KEYS[3], ttl)
redis.call('PEXPIRE', KEYS[2], ARGV[5])
if ARGV[6] ~= '' then
  redis.call('SETNX', KEYS[5], ARGV[6])
end
return #added

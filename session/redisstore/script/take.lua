-- Take one token out of a bucket that fills evenly.
--
-- KEYS 1 rate  2 rated, or none
-- ARGV 1 now, ms  2 size of the bucket, tokens  3 time for one token, ms
--      4 TTL of rated, ms
-- The value of rate is when the bucket is full again, ms; that of rated what was
-- returned to the message it names, which is returned again and takes no other token.
-- Returns 0 if there was a token, else how long until there is one, ms.
if KEYS[2] then
  local known = redis.call('GET', KEYS[2])
  if known then
    return tonumber(known)
  end
end
local function answer(wait)
  if KEYS[2] then
    redis.call('SET', KEYS[2], string.format('%d', wait), 'PX', ARGV[4])
  end
  return wait
end
local now, size, each = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full = tonumber(redis.call('GET', KEYS[1]) or '0')
if full < now then
  full = now
end
local missing = full + each - now - size * each
if missing > 0 then
  return answer(missing)
end
full = full + each
redis.call('SET', KEYS[1], string.format('%d', full), 'PX', string.format('%d', full - now))
return answer(0)

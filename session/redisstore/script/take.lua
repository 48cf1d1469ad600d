-- Take one token out of a bucket that fills evenly.
--
-- KEYS 1 rate  2 rated, or none
-- ARGV 1 now, ms, or '' to go by Redis's clock  2 size of the bucket, tokens  3 time for one token, ms
--      4 TTL of rated, ms
-- Rate ends when the bucket is full again; its value is that time by ARGV 1, if that is
-- given: the times to live of a Redis inside the process are to the second. Rated is what was
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
local left -- until it is full, ms
if now then
  left = tonumber(redis.call('GET', KEYS[1]) or '0') - now
else
  left = redis.call('PTTL', KEYS[1])
end
if left < 0 then
  left = 0
end
local missing = left + each - size * each
if missing > 0 then
  return answer(missing)
end
left = left + each
redis.call('SET', KEYS[1], string.format('%d', (now or 0) + left), 'PX', string.format('%d', left))
return answer(0)

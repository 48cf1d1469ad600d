-- Take one token out of a bucket that fills evenly.
--
-- KEYS 1 rate
-- ARGV 1 now, ms  2 size of the bucket, tokens  3 time for one token, ms
-- The value is when the bucket is full again, ms.
-- Returns 0 if there was a token, else how long until there is one, ms.
local now, size, each = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full = tonumber(redis.call('GET', KEYS[1]) or '0')
if full < now then
  full = now
end
local missing = full + each - now - size * each
if missing > 0 then
  return missing
end
full = full + each
redis.call('SET', KEYS[1], string.format('%d', full), 'PX', string.format('%d', full - now))
return 0

-- Give the token back that a message took out of a bucket, once.
--
-- KEYS 1 rate  2 rated
-- ARGV 1 now, ms, or '' to go by Redis's clock  2 time for one token, ms  3 TTL of rated, ms
-- Rated, which was 0, is -1 from now on: the message has no token here and needs none.
-- Returns 1, or 0 if the message had none, or has given it back.
if redis.call('GET', KEYS[2]) ~= '0' then
  return 0
end
redis.call('SET', KEYS[2], '-1', 'PX', ARGV[3])
local now = tonumber(ARGV[1])
local left -- until it is full, ms
if now then
  left = tonumber(redis.call('GET', KEYS[1]) or '0') - now
else
  left = redis.call('PTTL', KEYS[1])
end
left = left - tonumber(ARGV[2])
if left > 0 then
  redis.call('SET', KEYS[1], string.format('%d', (now or 0) + left), 'PX', string.format('%d', left))
else
  redis.call('DEL', KEYS[1])
end
return 1

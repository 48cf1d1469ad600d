-- Make the key of a job that is about to be put into a stream, perhaps once more. One that
-- waits or is being done stays as it is. One that is done, whose end was lost or refused,
-- begins anew where its client stands, and attempts are counted on: none comes twice.
--
-- KEYS 1 job
-- ARGV 1 attempt that the client heard of last  2 text that it has  3 tokens of that  4 TTL, ms
local h = redis.call('HMGET', KEYS[1], 'live', 'done', 'attempt')
if not h[1] or h[2] then
  local attempt = math.max(tonumber(ARGV[1]), tonumber(h[3] or '0'))
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'live', 1, 'attempt', string.format('%d', attempt), 'n', 0, 'text', ARGV[2], 'tokens', ARGV[3])
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1

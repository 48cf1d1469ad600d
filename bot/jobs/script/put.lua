-- Make the key of a job that is about to be put into a stream, perhaps once more. One that
-- waits or is being done stays as it is. One that is done, whose end was lost or refused,
-- begins anew where its client stands, and attempts are counted on: none comes twice. One
-- that is begun, but whose entry a failover brought back no more, may be begun through another.
--
-- KEYS 1 job
-- ARGV 1 attempt that the client heard of last  2 text that it has  3 tokens of that  4 TTL, ms
--      5 entry that is gone, or ''
local h = redis.call('HMGET', KEYS[1], 'live', 'done', 'attempt', 'entry')
if not h[1] or h[2] then
  local attempt = math.max(tonumber(ARGV[1]), tonumber(h[3] or '0'))
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'live', 1, 'attempt', string.format('%d', attempt), 'n', 0, 'text', ARGV[2], 'tokens', ARGV[3])
elseif ARGV[5] ~= '' and h[4] == ARGV[5] then
  redis.call('HSET', KEYS[1], 'entry', '')
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1

-- Add to what happened in one place in one hour, a batch once.
--
-- KEYS 1 act  2 who
-- ARGV 1 TTL, ms  2 field of the writer  3 number of its batch  4 number of counts; then name, amount, ...; then marks
-- Returns 1, or 0 if that batch was added before.
local last = redis.call('HGET', KEYS[1], ARGV[2])
if last and tonumber(last) >= tonumber(ARGV[3]) then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
local n = tonumber(ARGV[4])
for i = 5, 4 + 2 * n, 2 do
  redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1])
end
for i = 5 + 2 * n, #ARGV do
  redis.call('SADD', KEYS[2], ARGV[i])
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return 1

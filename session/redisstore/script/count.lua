-- Add to counters, in total and of the day.
--
-- KEYS 1 stat  2 stat of the day
-- ARGV 1 TTL of the day, ms; then name, amount, ...
for i = 2, #ARGV, 2 do
  redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1])
  redis.call('HINCRBY', KEYS[2], ARGV[i], ARGV[i + 1])
end
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return 1

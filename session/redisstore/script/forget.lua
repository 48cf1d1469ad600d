-- Remove turns, wherever they are kept, and close the questions among them.
--
-- KEYS 1 log  2 undo  3 wait  4 waiting
-- ARGV 1 what members of waiting begin with for this channel  2 number of turns;
--      then that many encoded turns; then message ids of open questions
-- Returns how many were removed.
local n = tonumber(ARGV[2])
local removed = 0
for i = 3, 2 + n do
  removed = removed + redis.call('LREM', KEYS[1], 0, ARGV[i]) + redis.call('LREM', KEYS[2], 0, ARGV[i])
end
for i = 3 + n, #ARGV do
  redis.call('HDEL', KEYS[3], ARGV[i])
  redis.call('ZREM', KEYS[4], ARGV[1] .. ARGV[i])
end
return removed

-- Bring back what a reset dropped, before what was said since. Questions stay closed.
--
-- KEYS 1 log  2 undo
-- ARGV 1 turns kept  2 session TTL, ms
-- Returns how many turns came back.
local old = redis.call('LRANGE', KEYS[2], 0, -1)
for i = #old, 1, -1 do
  redis.call('LPUSH', KEYS[1], old[i])
end
if #old > 0 then
  redis.call('LTRIM', KEYS[1], '-' .. ARGV[1], -1)
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  redis.call('DEL', KEYS[2])
end
return #old

-- Begin a job that was taken from a stream, or go on with it: a new attempt, which
-- fences off those before it. A repeated call (same token) changes nothing.
--
-- KEYS 1 job  2 out
-- ARGV 1 job's id  2 entry's id  3 token  4 worker  5 attempts allowed to die before
--      a word  6 attempts allowed to die  7 TTL of out, ms  8 1 if the job is to blame
--      should the worker die before a word, 0 if it might be another
-- Returns {'go', attempt, text so far, tokens of it}; {'gone'} if nobody wants it
-- (any more) or it is done or begun through another entry; {'poison', attempts}.
local h = redis.call('HMGET', KEYS[1], 'live', 'done', 'entry', 'token', 'attempt', 'mute', 'text', 'tokens', 'begun')
if not h[1] or h[2] then
  return {'gone'}
end
if h[3] and h[3] ~= '' and h[3] ~= ARGV[2] then
  return {'gone'}
end
local attempt, mute, begun = tonumber(h[5] or '0'), tonumber(h[6] or '0'), tonumber(h[9] or '0')
if h[4] ~= ARGV[3] then
  attempt = attempt + 1
  if mute >= tonumber(ARGV[5]) or begun >= tonumber(ARGV[6]) then
    redis.call('HSET', KEYS[1], 'done', '1', 'attempt', attempt)
    redis.call('XADD', KEYS[2], '*', 'j', ARGV[1], 'a', attempt, 'n', '0', 'k', 'fail', 'd', 'poison')
    redis.call('PEXPIRE', KEYS[2], ARGV[7])
    return {'poison', begun}
  end
  redis.call('HSET', KEYS[1], 'entry', ARGV[2], 'token', ARGV[3], 'attempt', attempt, 'mute', mute + tonumber(ARGV[8]), 'blame', ARGV[8], 'begun', begun + 1, 'n', '0')
  redis.call('XADD', KEYS[2], '*', 'j', ARGV[1], 'a', attempt, 'n', '0', 'k', 'begin', 'd', ARGV[4], 't', ARGV[3])
  redis.call('PEXPIRE', KEYS[2], ARGV[7])
end
return {'go', attempt, h[7] or '', tonumber(h[8] or '0')}

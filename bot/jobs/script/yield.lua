-- Give a job up so that another worker can go on with it, through whichever entry:
-- this attempt is none of those that died.
--
-- KEYS 1 job
-- ARGV 1 token of the attempt
-- Returns 1; 0 if another attempt has begun or nobody wants the job any more.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then
  return 0
end
if redis.call('HGET', KEYS[1], 'entry') ~= '' then
  redis.call('HSET', KEYS[1], 'entry', '')
  redis.call('HINCRBY', KEYS[1], 'begun', -1)
  if redis.call('HGET', KEYS[1], 'n') == '0' and redis.call('HGET', KEYS[1], 'blame') == '1' then
    redis.call('HINCRBY', KEYS[1], 'mute', -1)
  end
end
return 1

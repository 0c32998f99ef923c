-- Lets a queue of Bull go on that somebody has paused in Redis; 1 when it was paused still.
--
-- KEYS[1] string: there while it is paused                KEYS[2] hash: where newer ones keep the same, for dashboards
-- KEYS[3] list: what came meanwhile, the oldest at the end   KEYS[4] list: what is taken, from its end
local MOST = 10000

local was_paused = redis.call('DEL', KEYS[1])
redis.call('HDEL', KEYS[2], 'paused')
for _ = 1, MOST do
  if not redis.call('RPOPLPUSH', KEYS[3], KEYS[4]) then break end
end
return was_paused

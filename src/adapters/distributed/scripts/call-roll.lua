-- Notes that an instance is there, and returns those of ARGV[4..] that have not been for a while.
--
-- KEYS[1] sorted set: instances, by when they were last there
-- KEYS[2] string: see KEYS[4] of permits.lua, where it is made
-- ARGV[1] see clock.lua   ARGV[2] the instance that is there
-- ARGV[3] ms after which a silent instance holds nothing
local aliveMs = tonumber(ARGV[3])

redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - FORGET_MS))
redis.call('PEXPIRE', KEYS[1], FORGET_MS)
local since, wasSilent = knownSince(KEYS[2], aliveMs)
-- After a silence of all, what is there has to be counted anew.
if since and wasSilent then since = now end
if since then redis.call('SET', KEYS[2], string.format('%.0f %.0f', since, now)) end

local silent = {}
for index = 4, #ARGV do
  local at = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[index]) or '')
  if not at or now - at > aliveMs / 4 then silent[#silent + 1] = ARGV[index] end
end
return silent

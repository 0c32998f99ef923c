-- Notes that an instance is there, and returns those of ARGV[4..] that have not been for a while.
--
-- KEYS[1] sorted set: instances, by when they were last there
-- KEYS[2] string: see KEYS[4] of permits.lua, where it is made
-- ARGV[1] now in epoch ms, or '' for the server's clock   ARGV[2] the instance that is there
-- ARGV[3] ms after which a silent instance holds nothing
local FORGET_MS = 600000

local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local aliveMs = tonumber(ARGV[3])

redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - FORGET_MS))
redis.call('PEXPIRE', KEYS[1], FORGET_MS)
local since, heard = string.match(redis.call('GET', KEYS[2]) or '', '^(%d+) ?(%d*)$')
heard = tonumber(heard or '')
-- After a silence of all, what is there has to be counted anew.
if since and heard and now - heard > aliveMs / 2 then since = string.format('%.0f', now) end
if since then redis.call('SET', KEYS[2], since .. string.format(' %.0f', now)) end

local silent = {}
for index = 4, #ARGV do
  local at = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[index]) or '')
  if not at or now - at > aliveMs / 4 then silent[#silent + 1] = ARGV[index] end
end
return silent

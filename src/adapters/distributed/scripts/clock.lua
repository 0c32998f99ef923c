-- What the operations of the limiter share; put before each of them.
--
-- ARGV[1] now in epoch ms, or '' for the server's clock
-- What nobody asks for goes away by itself.
local FORGET_MS = 600000

local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Since when this Redis has known of permits, nil after a wipe; and whether nobody was heard for so long since then that Redis
-- itself must have been away, and what instances said before has lapsed, or is about to.
--
-- key     string: '<since> <when a roll was last called>'
-- aliveMs ms after which a silent instance holds nothing
local function knownSince(key, aliveMs)
  local since, heard = string.match(redis.call('GET', key) or '', '^(%d+) ?(%d*)$')
  heard = tonumber(heard or '')
  return tonumber(since or ''), heard ~= nil and now - heard > aliveMs / 2
end

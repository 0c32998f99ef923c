-- Grants up to ARGV[9] permits at level ARGV[8], of ARGV[10] at once and ARGV[11] a minute (-1 for no limit).
-- Returns {granted, ms until asking again makes sense or -1 when a permit must come back first}.
local level, want = tonumber(ARGV[8]), tonumber(ARGV[9])
local concurrency, perMinute = tonumber(ARGV[10]), tonumber(ARGV[11])
redis.call('HSET', KEYS[2], 'concurrency', ARGV[10], 'perMinute', ARGV[11])

-- Lower levels that were refused a moment ago go first.
local yields = 0
for lower = 0, level - 1 do
  yields = math.max(yields, number('refused:' .. lower) + PRECEDENCE_MS - now)
end

local granted = 0
local sum = given()
if yields <= 0 and number('pausedUntil') <= now and recountsFor() <= 0 then
  granted = math.min(want, concurrency - inUse())
  if perMinute >= 0 then granted = math.min(granted, perMinute - sum) end
  granted = math.max(0, granted)
end

if granted > 0 then
  hold(tonumber(ARGV[3]) + granted)
  give(granted, sum)
  redis.call('HDEL', KEYS[2], 'refused:' .. level)
else
  set('refused:' .. level, now)
end
local opens = -1
if granted < want then
  set('awaited', 1)
  opens = opensIn()
  if opens >= 0 then opens = math.max(opens, yields) end
end
remember()
return {granted, opens}

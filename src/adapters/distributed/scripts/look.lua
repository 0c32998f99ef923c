-- Returns {permits out now over all instances, ms that the key is paused still, ms until a rate of ARGV[8] a minute allows
-- more}; the last is 0 when ARGV[8] is -1, for no rate.
local perMinute = tonumber(ARGV[8])
local rate = 0
if perMinute >= 0 then rate = rateOpensIn(perMinute) or 0 end
return {inUse(), math.max(0, number('pausedUntil') - now), rate}

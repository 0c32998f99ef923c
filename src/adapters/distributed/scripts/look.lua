-- Returns {permits out now over all instances, ms that the key is paused still}.
return {inUse(), math.max(0, number('pausedUntil') - now)}

-- Takes down what an instance holds: after a release, for a pause, and at every beat, so that a wiped Redis learns it anew.
-- Who waits for permits (of any instance) is told on channel ARGV[8], as '<ms until they may be had> ARGV[9]', once.
-- Returns those ms, or -1 when a permit must come back first.
local opens = opensIn()
if opens >= 0 and number('awaited') == 1 then
  redis.call('HDEL', KEYS[2], 'awaited')
  redis.call('PUBLISH', ARGV[8], string.format('%.0f ', opens) .. ARGV[9])
end
remember()
return opens

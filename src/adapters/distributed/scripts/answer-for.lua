-- Takes down that instance ARGV[8] holds ARGV[9] permits, unless it has said so itself a moment ago. It lapses sooner than what
-- an instance says itself.
local said = redis.call('HGET', KEYS[1], ARGV[8])
local at = said and tonumber(string.match(said, '^%d+ (%d+)$'))
if not at or now - at > tonumber(ARGV[6]) / 4 then
  redis.call('HSET', KEYS[1], ARGV[8], string.format('%.0f %.0f', tonumber(ARGV[9]), now - tonumber(ARGV[6]) / 2))
end
remember()
return 0

-- Takes down that instance ARGV[8] holds ARGV[9] permits, unless it has said so itself a moment ago. It lapses sooner than what
-- an instance says itself.
local said = redis.call('HGET', KEYS[1], ARGV[8])
local at = said and tonumber(string.match(said, '^%d+ (%d+)$'))
if not at or now - at > tonumber(ARGV[6]) / 4 then
  local count = tonumber(ARGV[9])
  if count > 0 then
    redis.call('HSET', KEYS[1], ARGV[8], string.format('%.0f %.0f', count, now - tonumber(ARGV[6]) / 2))
  else
    redis.call('HDEL', KEYS[1], ARGV[8])
  end
end
remember()
return 0

-- What the operations on one limited key share; put before each of them, after clock.lua.
--
-- KEYS[1] hash: instance -> '<permits held> <when it last said so>'
-- KEYS[2] hash: pausedUntil, concurrency, perMinute, given (sum of KEYS[3]), awaited, refused:<level>
-- KEYS[3] list, oldest first: '<first> <last> <count>' of permits given within 100 ms
-- KEYS[4] string: since when this Redis has known of permits, and when a roll was last called; missing when it was wiped
-- ARGV[1] see clock.lua                                  ARGV[2] the asking instance
-- ARGV[3] permits that it holds: its word is the truth    ARGV[4] of those it gave back, how many were never used
-- ARGV[5] ms that it wants the key paused from now, or 0  ARGV[6] ms after which a silent instance holds nothing
-- ARGV[7] ms that instances get to say what they hold after a wipe
local WINDOW_MS, BUCKET_MS, TAKE_BACK_MS, PRECEDENCE_MS = 60000, 100, 1000, 200
local instance = ARGV[2]

local function number(field)
  return tonumber(redis.call('HGET', KEYS[2], field) or '') or 0
end

local function set(field, value)
  redis.call('HSET', KEYS[2], field, string.format('%.0f', value))
end

local function hold(count)
  if count > 0 then
    redis.call('HSET', KEYS[1], instance, string.format('%.0f %.0f', count, now))
  else
    redis.call('HDEL', KEYS[1], instance)
  end
end

-- Permits out now; those of instances that fell silent come back here.
local function inUse()
  local sum = 0
  local held = redis.call('HGETALL', KEYS[1])
  for i = 1, #held, 2 do
    local count, at = string.match(held[i + 1], '^(%d+) (%d+)$')
    if held[i] ~= instance and now - tonumber(at) > tonumber(ARGV[6]) then
      redis.call('HDEL', KEYS[1], held[i])
    else
      sum = sum + tonumber(count)
    end
  end
  return sum
end

local function bucket(index)
  local text = redis.call('LINDEX', KEYS[3], index)
  if not text then return nil end
  local first, last, count = string.match(text, '^(%d+) (%d+) (%d+)$')
  return tonumber(first), tonumber(last), tonumber(count)
end

local function bucketText(first, last, count)
  return string.format('%.0f %.0f %.0f', first, last, count)
end

-- Permits given in the 60 s that end now.
local function given()
  local sum = number('given')
  local first, last, count = bucket(0)
  local before = sum
  while first and now - last >= WINDOW_MS do
    redis.call('LPOP', KEYS[3])
    sum = sum - count
    first, last, count = bucket(0)
  end
  if not first then sum = 0 end
  if sum ~= before then set('given', sum) end
  return sum
end

-- After given(), whose answer is `sum`.
local function give(count, sum)
  local first, _, newest = bucket(-1)
  if first and now - first < BUCKET_MS then
    redis.call('LSET', KEYS[3], -1, bucketText(first, now, newest + count))
  else
    redis.call('RPUSH', KEYS[3], bucketText(now, now, count))
  end
  set('given', sum + count)
end

-- Uncounts permits that were just given and not used; older ones may stand for permits that were.
local function takeBack(rest)
  local first, last, count = bucket(-1)
  while first and rest > 0 and now - last <= TAKE_BACK_MS do
    local taken = math.min(rest, count)
    rest = rest - taken
    set('given', number('given') - taken)
    if count > taken then
      redis.call('LSET', KEYS[3], -1, bucketText(first, last, count - taken))
      return
    end
    redis.call('RPOP', KEYS[3])
    first, last, count = bucket(-1)
  end
end

-- ms until fewer than `limit` have been given in a minute; nil for never.
local function rateOpensIn(limit)
  local sum = given()
  if sum < limit then return 0 end
  for index = 0, redis.call('LLEN', KEYS[3]) - 1 do
    local _, last, count = bucket(index)
    sum = sum - count
    if sum < limit then return last + WINDOW_MS - now end
  end
  return nil
end

-- ms that permits are withheld until every instance has said what it holds: after a wipe, and after a silence of all.
local function recountsFor()
  local since, wasSilent = knownSince(KEYS[4], tonumber(ARGV[6]))
  if not since or wasSilent then
    redis.call('SET', KEYS[4], string.format('%.0f', now))
    since = now
  end
  return math.max(0, since + tonumber(ARGV[7]) - now)
end

-- ms until a permit may be had, or -1 as long as none comes back.
local function opensIn()
  local concurrency, perMinute = redis.call('HGET', KEYS[2], 'concurrency'), redis.call('HGET', KEYS[2], 'perMinute')
  if concurrency and inUse() >= tonumber(concurrency) then return -1 end
  local rate = 0
  if perMinute and tonumber(perMinute) >= 0 then rate = rateOpensIn(tonumber(perMinute)) end
  if not rate then return -1 end
  return math.max(0, rate, number('pausedUntil') - now, recountsFor())
end

local function remember()
  for index = 1, 3 do redis.call('PEXPIRE', KEYS[index], math.max(FORGET_MS, 2 * (number('pausedUntil') - now))) end
end

-- What the instance has to say comes first in every operation.
hold(tonumber(ARGV[3]))
if tonumber(ARGV[4]) > 0 then takeBack(tonumber(ARGV[4])) end
if tonumber(ARGV[5]) > 0 and now + tonumber(ARGV[5]) > number('pausedUntil') then
  set('pausedUntil', now + tonumber(ARGV[5]))
end

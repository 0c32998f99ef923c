-- The oldest entries of streams, no more than their reader has room for, and of each only what is read in it: whoever writes
-- may add entries of any size. They stay where they are until they are forgotten.
--
-- KEYS    streams, in the order in which they are to be read
-- ARGV[1] bytes that one stream may hold; the older half of more is dropped
-- ARGV[2] bytes of a payload that is read       ARGV[3] entries of one stream
-- ARGV[4] bytes of all that is told in one go; the last entry may go beyond
-- Tells of each stream that has entries: its place in KEYS, and id, name and payload of each, nil in place of a larger one.
local MAX_NAME, ENTRY_BYTES = 100, 200
local LAST_ID = '18446744073709551615-18446744073709551615'
local stream_bytes, payload_bytes, count = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local room = tonumber(ARGV[4])

-- True when all that was there was one entry that is too large.
local function trim(stream)
  while (redis.call('MEMORY', 'USAGE', stream, 'SAMPLES', 0) or 0) > stream_bytes do
    local length = redis.call('XLEN', stream)
    if length <= 1 then return redis.call('DEL', stream) == 1 end
    redis.call('XTRIM', stream, 'MAXLEN', math.floor(length / 2))
  end
  return false
end

local function read(entry)
  local name, payload = '', ''
  local fields = entry[2]
  for at = 1, #fields - 1, 2 do
    if fields[at] == 'name' then name = string.sub(fields[at + 1], 1, MAX_NAME) end
    if fields[at] == 'payload' then payload = fields[at + 1] end
  end
  if #payload > payload_bytes then payload = false end
  return { entry[1], name, payload }
end

local taken = {}
for place, stream in ipairs(KEYS) do
  local entries = {}
  if trim(stream) then entries[1] = { '0-0', '', false } end
  local from = '-'
  -- One at a time, because only who has an entry knows how large it is.
  while from and #entries < count and room > 0 do
    local entry = redis.call('XRANGE', stream, from, '+', 'COUNT', 1)[1]
    from = entry and entry[1] ~= LAST_ID and '(' .. entry[1]
    if entry then
      local told = read(entry)
      entries[#entries + 1] = told
      room = room - ENTRY_BYTES - #(told[3] or '')
    end
  end
  if #entries > 0 then taken[#taken + 1] = { place, entries } end
end
return taken

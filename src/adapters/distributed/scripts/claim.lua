-- Says for a while that the keys beside this one are of one deployment; 0 when another one says so.
--
-- KEYS[1] string: the id of the deployment   ARGV[1] that of the asking process   ARGV[2] for how long, ms
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if holder then redis.call('PEXPIRE', KEYS[1], ARGV[2]) -- needs no room: Redis may be full
else redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return 1

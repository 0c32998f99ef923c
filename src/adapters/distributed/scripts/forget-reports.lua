-- Drops entries that were read. A stream that is empty then goes as a whole, and with it what its ids had risen to, which
-- whoever writes may set as high as he likes: then nothing more could be added.
redis.call('XDEL', KEYS[1], unpack(ARGV))
if redis.call('XLEN', KEYS[1]) == 0 then redis.call('DEL', KEYS[1]) end

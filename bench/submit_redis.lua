-- What a bare script in Redis does for a score, for EVALSHA: reads, compares, ZADD and HSET. It judges nothing else, and nothing
-- keeps what it did.
local old = redis.call('ZSCORE', KEYS[1], ARGV[1])
if old and tonumber(old) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return 1

-- A node shows that it is alive and tells its figures, and is told who does not, what time it is, and all figures.
--
-- KEYS  nodes, epoch, figures, counts
-- ARGV  own node, lease in milliseconds, a name for this epoch if Redis has none, own figures ('' for none)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[2], ARGV[3], 'NX')
local was_known = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('HSETNX', KEYS[4], ARGV[1], 0)
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[3], ARGV[1], ARGV[4])
end
local silent = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
local figures = redis.call('HGETALL', KEYS[3])
return {redis.call('GET', KEYS[2]), was_known and 1 or 0, silent, time[1] * 1000000 + time[2], figures}

-- A node shows that it is alive, and is told who does not, what time it is, and how far the log has come.
--
-- KEYS  nodes, epoch, head, checkpointer
-- ARGV  node, lease in milliseconds, a name for this epoch if Redis has none, 1 if the node is to write the snapshots in place
--       of whichever does
-- Returns epoch, head, silent nodes, time in microseconds, whether the node writes the snapshots.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('SET', KEYS[2], ARGV[3], 'NX')
redis.call('ZADD', KEYS[1], now, ARGV[1])
local silent = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
local holder = redis.call('GET', KEYS[4])
local is_holder = not holder or holder == ARGV[1] or ARGV[4] == '1'
if is_holder then
  redis.call('SET', KEYS[4], ARGV[1], 'PX', ARGV[2])
end
return {
  redis.call('GET', KEYS[2]), tonumber(redis.call('GET', KEYS[3]) or '0'), silent, clock[1] * 1000000 + clock[2],
  is_holder and 1 or 0
}

-- Appends a batch of inputs to the ordered log, and publishes it.
--
-- KEYS  log, head, epoch, appended
-- ARGV  node, sequence number of the batch, epoch that the node knows, offset up to which it has applied the log, entries
--       that the log may hold, the inputs
-- Returns the entry's offset and its time in microseconds; 0 and 0 if Redis has forgotten what the node knows.
local node, sequence = ARGV[1], ARGV[2]
local head = tonumber(redis.call('GET', KEYS[2]) or '0')
if redis.call('GET', KEYS[3]) ~= ARGV[3] or head < tonumber(ARGV[4]) then
  return {0, 0}
end

-- The connection ended before the answer came, and this is the second time.
local appended = redis.call('HGET', KEYS[4], node)
if appended then
  local last, offset, time = string.match(appended, '^(%d+) (%d+) (%d+)$')
  if last == sequence then
    return {tonumber(offset), tonumber(time)}
  end
end

local clock = redis.call('TIME')
local time = string.format('%.0f', clock[1] * 1000000 + clock[2])
local offset = redis.call('INCR', KEYS[2])
local entry = time .. ' ' .. node .. ' ' .. sequence .. ' ' .. ARGV[6]
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[5], offset .. '-0', 'l', entry)
redis.call('HSET', KEYS[4], node, sequence .. ' ' .. offset .. ' ' .. time)
-- Redis 7 and Valkey tell their version and have shard channels, Redis 6.2 does not.
if redis.REDIS_VERSION_NUM ~= nil then
  -- Where the user may not publish, the stream is read.
  redis.pcall('SPUBLISH', KEYS[1], offset .. ' ' .. entry)
end
return {offset, tonumber(time)}

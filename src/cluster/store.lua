-- Writes what has changed of a service's state, as it is at an offset of the log, and trims the log, of which nodes that are slow
-- to read may still want a part.
--
-- KEYS  meta, rooms, members, facts, log, epoch, head, appended
-- ARGV  epoch that the node knows, head that it found ('' for an ordinary snapshot), a name for the next epoch, offset,
--       meta, offset up to which the log is trimmed, then for each change: 2, 3 or 4 for the key, field, value ('' for one that is gone)
-- With a head, the whole state is written in place of what Redis has kept, which is less than the node knows.
-- Returns 1 if it is written or was already, 0 if Redis knows another epoch or another head.
local is_whole = ARGV[2] ~= ''
if redis.call('GET', KEYS[6]) ~= ARGV[1] then
  return 0
end
if is_whole then
  if (redis.call('GET', KEYS[7]) or '0') ~= ARGV[2] then
    return 0
  end
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[8])
  redis.call('SET', KEYS[6], ARGV[3])
  redis.call('SET', KEYS[7], ARGV[4])
elseif tonumber(redis.call('HGET', KEYS[1], 'offset') or '0') >= tonumber(ARGV[4]) then
  return 1
end
for i = 7, #ARGV, 3 do
  local key, field, value = KEYS[tonumber(ARGV[i])], ARGV[i + 1], ARGV[i + 2]
  if value == '' then
    redis.call('HDEL', key, field)
  else
    redis.call('HSET', key, field, value)
  end
end
redis.call('HSET', KEYS[1], 'offset', ARGV[4], 'meta', ARGV[5])
redis.call('XTRIM', KEYS[5], 'MINID', '~', (tonumber(ARGV[6]) + 1) .. '-0')
return 1

-- One step of the rules: if the rooms and facts are what the rules saw, they become what the rules made of them, and the
-- nodes that members sit on are written to. If not, nothing is done, and the caller is told what they are. Either way it
-- is told how many letters had been written to it by then.
--
-- KEYS  versions, rooms, counts, taken, inbox..., fact...
-- ARGV  own node, the step's place in its batch, letters that may wait, number of claims, number of letters, then for each
--       claim room, version seen ('' for none), version made ('' for only seen, '-' for gone), envelope; for each inbox
--       node, letter; for each fact its name, value seen, value made (likewise), lifetime in milliseconds (0 for ever)
local node, place = ARGV[1], ARGV[2]
local n_claims, n_letters = tonumber(ARGV[4]), tonumber(ARGV[5])
local letters_at = 6 + n_claims * 4
local facts_at = letters_at + n_letters * 2
local n_facts = #KEYS - 4 - n_letters

-- Redis 7 and Valkey tell their version, Redis 6.2 does not.
local has_shard_channels = redis.REDIS_VERSION_NUM ~= nil

local function n_written()
  return tonumber(redis.call('HGET', KEYS[3], node) or '0')
end

-- The connection ended before the answer came, and this is the second time.
local taken_at = redis.call('HGET', KEYS[4], place)
if taken_at then
  return {'done', tonumber(taken_at), {}, {}}
end

local stale_rooms, stale_facts = {}, {}
for i = 0, n_claims - 1 do
  local room = ARGV[6 + i * 4]
  local version = redis.call('HGET', KEYS[1], room) or ''
  if version ~= ARGV[7 + i * 4] then
    stale_rooms[#stale_rooms + 1] = room
    stale_rooms[#stale_rooms + 1] = version
    stale_rooms[#stale_rooms + 1] = redis.call('HGET', KEYS[2], room) or ''
  end
end
for i = 0, n_facts - 1 do
  local value = redis.call('GET', KEYS[5 + n_letters + i]) or ''
  if value ~= ARGV[facts_at + 1 + i * 4] then
    stale_facts[#stale_facts + 1] = ARGV[facts_at + i * 4]
    stale_facts[#stale_facts + 1] = value
  end
end
if #stale_rooms > 0 or #stale_facts > 0 then
  return {'stale', n_written(), stale_rooms, stale_facts}
end

for i = 0, n_claims - 1 do
  local room, made = ARGV[6 + i * 4], ARGV[8 + i * 4]
  if made == '-' then
    redis.call('HDEL', KEYS[1], room)
    redis.call('HDEL', KEYS[2], room)
  elseif made ~= '' then
    redis.call('HSET', KEYS[1], room, made)
    redis.call('HSET', KEYS[2], room, ARGV[9 + i * 4])
  end
end
for i = 0, n_facts - 1 do
  local key, made, lifetime = KEYS[5 + n_letters + i], ARGV[facts_at + 2 + i * 4], ARGV[facts_at + 3 + i * 4]
  if made == '-' then
    redis.call('DEL', key)
  elseif made ~= '' and lifetime ~= '0' then
    redis.call('SET', key, made, 'PX', lifetime)
  elseif made ~= '' then
    redis.call('SET', key, made)
  end
end
for i = 0, n_letters - 1 do
  local to, letter = ARGV[letters_at + i * 2], ARGV[letters_at + 1 + i * 2]
  -- What claims nothing may come too late: a node that is gone has no count.
  if n_claims > 0 or redis.call('HEXISTS', KEYS[3], to) == 1 then
    local number = redis.call('HINCRBY', KEYS[3], to, 1)
    redis.call('XADD', KEYS[5 + i], 'MAXLEN', '~', ARGV[3], number .. '-0', 'l', letter)
    if has_shard_channels then
      -- Where the user may not, letters are asked for.
      redis.pcall('SPUBLISH', KEYS[5 + i], number .. ' ' .. letter)
    end
  end
end
local taken_now = n_written()
redis.call('HSET', KEYS[4], place, taken_now)
return {'done', taken_now, {}, {}}

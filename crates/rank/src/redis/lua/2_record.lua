-- A record: packed and unpacked, its window, its place in the order.
-- It begins with what kind it is of. One that was never deleted, as nearly all are, does not say when: so that one with neither
-- metadata nor window, in 60 bytes and the 4 that Redis adds, fills what Redis's allocator gives for 64 and not for 80.
local NO_SCORE, DELETED_ONCE, NEVER_DELETED = 0, 1, 2
local HEAD, HEAD_NEVER, LIVE, HEAD_BYTES, STAMP_BYTES, LIVE_BYTES =
  '>BI4I7I4I7I7', '>BI4I7I4I7', '>i7i7I7I7I7I2', 30, 7, 37
-- A window: its horizon in 7 bytes, then entries of stamp 7, id 16, body 8, time + 1 (0: none) 7. Empty: no bytes at all.
local ENTRY, ID_AT, TIME_AT = 38, 15, 32
local NEW, DUPLICATE, CONFLICT, EXPIRED = 0, 1, 2, 3

local function decode(packed)
  local r, kind, at, length = {}, string.byte(packed), nil, nil
  if kind == NEVER_DELETED then
    kind, r.era, r.seq, r.index, r.updated, at = unpack_(HEAD_NEVER, packed)
    r.deleted = 0
  else
    kind, r.era, r.seq, r.index, r.deleted, r.updated, at = unpack_(HEAD, packed)
  end
  if kind ~= NO_SCORE then
    r.live = true
    r.score, r.sub, r.num, r.created, r.reached, length, at = unpack_(LIVE, packed, at)
    r.metadata = sub(packed, at, at + length - 1)
    at = at + length
  end
  r.window = sub(packed, at)
  return r
end

local function encode(r)
  local head
  if r.live and r.deleted == 0 then
    head = pack(HEAD_NEVER, NEVER_DELETED, r.era, r.seq, r.index, r.updated)
  else
    head = pack(HEAD, r.live and DELETED_ONCE or NO_SCORE, r.era, r.seq, r.index, r.deleted, r.updated)
  end
  if not r.live then return head .. r.window end
  return head .. pack(LIVE, r.score, r.sub, r.num, r.created, r.reached, #r.metadata) .. r.metadata .. r.window
end

-- The packed record without its window, which no reader needs and which is most of it.
local function without_window(packed)
  local kind = string.byte(packed)
  if kind == NO_SCORE then return sub(packed, 1, HEAD_BYTES) end
  local fixed = HEAD_BYTES + LIVE_BYTES - (kind == NEVER_DELETED and STAMP_BYTES or 0)
  return sub(packed, 1, fixed + unpack_('>I2', packed, fixed - 1))
end

-- `0 - x`, since `-x` of 0 is -0.
local function directed(number, order)
  if order == 0 then return 0 - number end
  return number
end

local function member(b, player, subscore, reached)
  local second = directed(subscore, b.sub)
  return pack('>Bi7I7', second >= 0 and 1 or 0, second, reached) .. player
end

local function member_of(b, player, r)
  return member(b, player, r.sub, r.reached)
end

-- What a window knows of a key (id 16, body 8, time 7). From the newest, as the law does.
local function seen(window, key)
  local id, horizon, found = sub(key, 1, 16), 0, nil
  if window ~= '' then horizon = unpack_('>I7', window) end
  local at = find(window, id, ID_AT, true)
  while at do
    if (at - ID_AT) % ENTRY == 0 then found = at end
    at = find(window, id, at + 1, true)
  end
  if found then
    return sub(window, found + 16, found + 23) == sub(key, 17, 24) and DUPLICATE or CONFLICT
  end
  local time = unpack_('>I7', key, 25)
  if time > 0 and time - 1 <= horizon then return EXPIRED end
  return NEW
end

-- The window with the key filed at `stamp`, which is above all that are in it, and cut to `length`.
local function file(window, key, stamp, length)
  local horizon = 0
  if window ~= '' then horizon = unpack_('>I7', window) end
  local entries = sub(window, 8) .. pack('>I7', stamp) .. key
  local excess = #entries / ENTRY - length
  if excess > 0 then
    for i = 0, excess - 1 do
      local time = unpack_('>I7', entries, i * ENTRY + TIME_AT)
      if time - 1 > horizon then horizon = time - 1 end
    end
    entries = sub(entries, excess * ENTRY + 1)
  end
  return pack('>I7', horizon) .. entries
end

-- The latest stamp in a window; 0 if it has none.
local function latest(window)
  if #window < ENTRY then return 0 end
  return (unpack_('>I7', window, #window - ENTRY + 1))
end

-- Puts b into a season of it: where its records are, and those that this call has read or changed.
local function enter(base, b, version)
  b.at = version
  b.name = season_name(version, b.id)
  b.rows, b.order = base .. 'r:' .. b.name, base .. 'z:' .. b.name
  b.records, b.fetched, b.changed = {}, {}, {}
  local packed = call('HGET', base .. 's', b.name)
  b.exists = packed and true
  if packed then
    b.revision, b.last = unpack_(SEASON, packed)
  else
    b.revision, b.last = 0, 0
  end
end

-- The window that a player without a record brings into the season, and the position of the record that had it.
local function inherit(base, b, r, player)
  r.window = ''
  if b.version == 1 then return end
  local from = b.floor
  local kept = call('HGET', base .. 'w:' .. b.id, player)
  if kept then
    r.kept, r.window = true, sub(kept, 5)
    from = math.max(from, unpack_('>I4', kept) + 1)
  end
  for version = b.version - 1, from, -1 do
    local packed = call('HGET', base .. 'r:' .. season_name(version, b.id), player)
    if packed then
      local before = decode(packed)
      r.window, r.before = before.window, before
      return
    end
  end
end

local function record_of(base, b, player)
  local r = b.records[player]
  if r then return r end
  local packed = b.fetched[player]
  if packed == nil then packed = call('HGET', b.rows, player) end
  if packed then
    r = decode(packed)
  else
    r = { era = 0, seq = 0, index = 0, deleted = 0, updated = 0 }
    inherit(base, b, r, player)
  end
  b.records[player] = r
  return r
end

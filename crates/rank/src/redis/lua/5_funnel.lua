-- The funnel: who holds a shard, what of it is dirty, and what the store has.
--
-- A lease is lost when somebody else has it (or nobody, after a release), never by the clock alone: the clock only says
-- when another may take it.
local LEASE, FENCED, REPLICA = { 'LEASE' }, { 'FENCED' }, { 'REPLICA' }

local function holds(meta, holder)
  return call('HGET', meta, 'holder') == holder
end

-- Whether a lease goes on. One that was taken later than now is by the clock of a primary before this one, which was ahead:
-- by this clock it could stand for hours, whatever became of its holder.
local function goes_on(upto, since, now)
  return tonumber(upto) > now and tonumber(since or 0) <= now
end

-- Takes or renews the lease of a trade (PERSIST or APPLY); false if another's goes on.
local PERSIST, APPLY = { 'p', 'holder', 'until', 'since' }, { 'a', 'applier', 'applies_until', 'applies_since' }
local function take(meta, holder, ttl, trade)
  local _, who, upto, since = unpack(trade or PERSIST)
  local m, now = call('HMGET', meta, who, upto, since), now_ms()
  if m[1] and m[1] ~= holder and goes_on(m[2], m[3], now) then return false end
  call('HSET', meta, who, holder, upto, now + tonumber(ttl), since, now)
  return true
end

-- The place in the log up to which everything is in the store, if that is so up to a stamp: offset and bytes as one text, and
-- the stamp after it.
local function place_at(base, stamp)
  local found = call('ZREVRANGEBYSCORE', base .. 'c', string.format('%.0f', stamp), '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
  return found[1], found[2]
end

local function look_at(keys)
  local base, id, primary = here(keys)
  local m = call('HMGET', keys[1], 'fence', 'format', 'epoch', 'stamp', 'persisted', 'wake', 'holder', 'until',
    'deployment', 'shards', 'window', 'settled', 'applier', 'applies_until', 'log', 'era', 'applied', 'bytes', 'warming',
    'since', 'applies_since', 'stored', 'pruned', 'loading')
  local now = now_ms()
  local memory = call('INFO', 'memory')
  local holder = m[7] and goes_on(m[8], m[20], now) and m[7] or ''
  local applier = m[13] and goes_on(m[14], m[21], now) and m[13] or ''
  return {
    'OK', m[2] or FORMAT, (primary and id and m[1] == id) and 1 or 0, tonumber(m[3] or 0), tonumber(m[12] or m[4] or 0),
    tonumber(m[5] or 0), call('ZCARD', base .. 'd'), call('ZCARD', base .. 'f'), oldest(base) or -1, now,
    m[6] and 1 or 0, holder, m[9] or '', tonumber(m[10] or 0), tonumber(m[11] or 0),
    tonumber(string.match(memory, 'used_memory:(%d+)')), tonumber(string.match(memory, 'maxmemory:(%d+)')),
    string.match(memory, 'maxmemory_policy:([%w-]+)') or '',
    id or '', applier, m[15] or '', tonumber(m[16] or 0), tonumber(m[17] or -1), tonumber(m[18] or 0),
    m[19] and 1 or 0, place_at(base, tonumber(m[5] or 0)) or '', tonumber(m[22] or 0), tonumber(m[23] or 0),
    m[24] and 1 or 0
  }
end

-- Holder, ttl ('': not any more), trade.
local function enlist(keys, args)
  local base, _, primary = here(keys)
  if not primary then return REPLICA end
  local now, key, seen = now_ms(), base .. args[3], args[3] .. '_seen'
  -- As with a lease: who said so by a clock that was ahead says it again soon, if he lives.
  if tonumber(call('HGET', keys[1], seen) or 0) > now then call('DEL', key) end
  call('HSET', keys[1], seen, now)
  call('ZREMRANGEBYSCORE', key, '-inf', now)
  if args[2] == '' then
    call('ZREM', key, args[1])
  else
    call('ZADD', key, now + tonumber(args[2]), args[1])
  end
  return { 'OK', call('ZCARD', key) }
end

local function lease(keys, args)
  local _, _, primary = here(keys)
  if not primary then return REPLICA end
  return { 'OK', take(keys[1], args[1], args[2], args[3] == 'a' and APPLY or PERSIST) and 1 or 0 }
end

local function release(keys, args)
  local _, _, primary = here(keys)
  if not primary then return REPLICA end
  local _, who, upto, since = unpack(args[2] == 'a' and APPLY or PERSIST)
  if call('HGET', keys[1], who) == args[1] then call('HDEL', keys[1], who, upto, since) end
  return { 'OK' }
end

-- Somebody waits for the store.
local function wake(keys)
  local _, _, primary = here(keys)
  if not primary then return REPLICA end
  call('HSET', keys[1], 'wake', 1)
  return { 'OK' }
end

-- Makes dirty again what is in flight, with the lower of both first sequences.
local function put_back(base)
  local flight = call('ZRANGE', base .. 'f', 0, -1, 'WITHSCORES')
  if #flight == 0 then return end
  local marks = {}
  for i = 1, #flight, 2 do
    marks[i], marks[i + 1] = flight[i + 1], flight[i]
  end
  call_many(marks, 'ZADD', base .. 'd', 'LT')
  call('DEL', base .. 'f')
end

-- When a season was opened, if that is remembered.
local function opening_of(base, board, version)
  local list = call('HGET', base .. 'y', board) or ''
  for at = 1, #list, OPENING_BYTES do
    local of, opened_ = unpack_(OPENING, list, at)
    if of == version then return opened_ end
  end
end

-- What a mark stands for, packed, as it is now; of a board whose log opened the season in the mark, as it was with that one.
local function state_of(base, mark)
  local kind = sub(mark, 1, 1)
  if kind == 'b' then
    local packed = call('HGET', base .. 'b', sub(mark, 2))
    return packed and sub(packed, 1, -5)
  elseif kind == 'o' then
    local version, id = unpack_('>I4', mark, 2), sub(mark, 6)
    local b, opened_ = load_board(base, id), opening_of(base, id, version)
    if not b then return nil end
    if version < b.version and opened_ then b.version, b.opened, b.seq, b.index = version, opened_, opened_, 0 end
    return sub(pack_board(b), 1, -5)
  end
  local version, board, player = parse_mark(mark)
  return call('HGET', base .. 'r:' .. season_name(version, board), player)
end

-- Holder, how long it holds on, most entries, most bytes.
local function claim(keys, args)
  local S = opened(keys)
  if not S then return FENCED end
  if not holds(S.meta, args[1]) then return LEASE end
  take(S.meta, args[1], args[2])
  call('HDEL', S.meta, 'wake')
  put_back(S.base)
  local d, most_bytes, bytes = S.base .. 'd', tonumber(args[4]), 0
  local marks = call('ZRANGE', d, 0, tonumber(args[3]) - 1, 'WITHSCORES')
  local number, stored = call('HINCRBY', S.meta, 'claim', 1), tonumber(call('HGET', S.meta, 'stored') or 0)
  local out, flight, left = { 'OK', S.epoch, S.persisted, 0, S.stamp, 0, number, stored, '', '' }, {}, {}
  local boards_, rows = {}, false
  for i = 1, #marks, 2 do
    local kind, packed = sub(marks[i], 1, 1), state_of(S.base, marks[i])
    if packed then
      -- No board twice; and behind a log a replay takes a board's season in the store for a sign that everything before it
      -- is there too.
      local board = kind ~= 'r' and sub(marks[i], kind == 'o' and 6 or 2)
      if board and (boards_[board] or (S.log and rows)) then break end
      if board then boards_[board] = true else rows = true end
    end
    if packed then
      bytes = bytes + #packed + #marks[i]
      if bytes > most_bytes and #flight > 0 then break end
      flight[#flight + 1], flight[#flight + 2] = marks[i + 1], marks[i]
      out[#out + 1], out[#out + 2], out[#out + 3] = tonumber(marks[i + 1]), marks[i], packed
    end
    left[#left + 1] = marks[i]
  end
  call_many(flight, 'ZADD', S.base .. 'f')
  call_many(left, 'ZREM', d)
  local next_ = least(d)
  out[4] = next_ and next_ - 1 or S.stamp
  out[6] = next_ and 1 or 0
  if S.log then
    local place, stamp = place_at(S.base, out[4])
    if place then out[9], out[10] = place, stamp end
  end
  return out
end

-- Holder, epoch, number of the claim, watermark (0: of a later call), then pairs of first sequence and mark. Once something
-- was claimed again, by whomever, it may be in flight with the same first sequence in a later state: so who comes late, or
-- comes back to a lease that another had meanwhile, clears nothing. The number is in the store by now, and is kept: it goes back
-- with a store that goes back, also one whose watermark stood still since.
local function clear(keys, args)
  local S = opened(keys)
  if not S or S.epoch ~= tonumber(args[2]) then return FENCED end
  if not holds(S.meta, args[1]) or call('HGET', S.meta, 'claim') ~= args[3] then return LEASE end
  local gone = {}
  for i = 5, #args, 2 do
    local first = call('ZSCORE', S.base .. 'f', args[i + 1])
    if first and tonumber(first) == tonumber(args[i]) then gone[#gone + 1] = args[i + 1] end
  end
  call_many(gone, 'ZREM', S.base .. 'f')
  call('HSET', S.meta, 'stored', args[3])
  local watermark = tonumber(args[4])
  if watermark > S.persisted then call('HSET', S.meta, 'persisted', watermark) end
  if S.log and watermark > 0 then
    local _, stamp = place_at(S.base, watermark)
    if stamp then call('ZREMRANGEBYSCORE', S.base .. 'c', '-inf', '(' .. stamp) end
  end
  return { 'OK' }
end

-- Marks of the rows of one step of HSCAN whose position is above. All of them changed after their season was opened, and go
-- to the store behind that.
local function marks_above(base, marks, above, version, board, rows)
  local first = math.max(above, opening_of(base, board, version) or 0) + 1
  for i = 1, #rows, 2 do
    local _, _, seq = unpack_('>BI4I7', rows[i + 1])
    if seq > above then
      marks[#marks + 1], marks[#marks + 2] = first, mark_of_row(version, board, rows[i])
    end
  end
end

-- Marks of what is above of a board: each season that a log opened, or what it is now.
local function marks_of_board(base, marks, above, b)
  if b.seq <= above then return end
  local list = call('HGET', base .. 'y', b.id) or ''
  if list == '' then
    marks[#marks + 1], marks[#marks + 2] = above + 1, 'b' .. b.id
    return
  end
  for at = 1, #list, OPENING_BYTES do
    local version, opened_ = unpack_(OPENING, list, at)
    if opened_ > above then
      -- If it is not known how the board came to be, the first that is known must come before all its records.
      local first = (at == 1 and version > 1 and b.created > above) and above + 1 or opened_
      marks[#marks + 1], marks[#marks + 2] = first, mark_of_season(version, b.id)
    end
  end
end

-- Holder, above, cursor, number of the store's last claim. That and the kept watermark are lowered at the end, so that a walk
-- which was broken off is seen by the next holder and done again; `marking` tells those who ask meanwhile what is really sure.
-- A walk ends in the Redis in which it began: another may lack what the first steps marked.
local function mark_above(keys, args)
  local base, id, primary = here(keys)
  if not primary then return REPLICA end
  local meta, above, cursor = keys[1], tonumber(args[2]), args[3]
  if not holds(meta, args[1]) then return LEASE end
  local m = call('HMGET', meta, 'persisted', 'marking', 'stored', 'marker')
  if cursor ~= '' and m[4] ~= id then return FENCED end
  local marks, next_ = {}, nil
  if cursor == '' then
    call('HSET', meta, 'marking', math.min(above, tonumber(m[2] or LAST)), 'marker', id)
    cursor = 'b0'
  end
  if sub(cursor, 1, 1) == 'b' then
    local step = call('HSCAN', base .. 'b', sub(cursor, 2), 'COUNT', CHUNK)
    for i = 1, #step[2], 2 do
      marks_of_board(base, marks, above, parse_board(step[2][i], step[2][i + 1]))
    end
    next_ = step[1] == '0' and 's0 ' or 'b' .. step[1]
  else
    -- "s", the cursor inside a season (0: at its beginning), a space, the season; no season: before the first.
    local inner, name = string.match(cursor, '^s(%d+) (.*)$')
    for _ = 1, CHUNK do
      if inner == '0' then
        name = call('ZRANGEBYLEX', base .. 'n', name == '' and '-' or '(' .. name, '+', 'LIMIT', 0, 1)[1]
        if not name then break end
      end
      local step = call('HSCAN', base .. 'r:' .. name, inner, 'COUNT', CHUNK)
      marks_above(base, marks, above, tonumber(sub(name, 1, 10)), sub(name, 12), step[2])
      inner = step[1]
      if #step[2] > 0 then break end
    end
    next_ = name and 's' .. inner .. ' ' .. name
  end
  call_many(marks, 'ZADD', base .. 'd', 'LT')
  if not next_ then
    local stored = math.min(tonumber(args[4]), tonumber(m[3] or 0))
    call('HSET', meta, 'persisted', math.min(above, tonumber(m[1] or 0)), 'stored', stored)
    call('HDEL', meta, 'marking', 'marker')
  end
  return { 'OK', next_ or '' }
end

-- Era, then pairs of mark and sequence: 1 it is in the store, 0 not yet, -1 nobody can tell.
local function persisted(keys, args)
  local S = opened(keys)
  if not S then return FENCED end
  local out, same, sure = { 'OK' }, S.era == tonumber(args[1]), nil
  for i = 2, #args, 2 do
    local answer = -1
    if same then
      local mark, seq = args[i], tonumber(args[i + 1])
      local d, f = call('ZSCORE', S.base .. 'd', mark), call('ZSCORE', S.base .. 'f', mark)
      local first = math.min(tonumber(d or LAST + 1), tonumber(f or LAST + 1))
      answer = first > seq and 1 or 0
      -- Above the shard's stamp: a log has it, and this Redis has not been given it yet (again).
      if seq > S.stamp or (S.marking and seq > S.marking) then
        answer = 0
      elseif answer == 1 and not state_of(S.base, mark) then
        -- Filed elsewhere (a window of an earlier season): sure only when everything up to there is in the store.
        sure = sure or (oldest(S.base) or S.stamp + 1)
        answer = seq < sure and 1 or 0
      end
    end
    out[#out + 1] = answer
  end
  return out
end

redis.register_function { function_name = '@NAME@_look', callback = look_at, flags = { 'no-writes' } }
redis.register_function { function_name = '@NAME@_persisted', callback = persisted, flags = { 'no-writes' } }
redis.register_function { function_name = '@NAME@_enlist', callback = enlist, flags = { 'allow-oom' } }
redis.register_function { function_name = '@NAME@_lease', callback = lease, flags = { 'allow-oom' } }
redis.register_function { function_name = '@NAME@_release', callback = release, flags = { 'allow-oom' } }
redis.register_function { function_name = '@NAME@_wake', callback = wake, flags = { 'allow-oom' } }
redis.register_function { function_name = '@NAME@_claim', callback = claim, flags = { 'allow-oom' } }
redis.register_function { function_name = '@NAME@_clear', callback = clear, flags = { 'allow-oom' } }
redis.register_function { function_name = '@NAME@_mark_above', callback = mark_above, flags = { 'allow-oom' } }

-- The reconcile: what puts a shard that was not looked after under this Redis back in service, and what lets old seasons go.

-- Holder, ttl. Puts the fence down: nothing is served until `open`.
local function survey(keys, args)
  local _, _, primary = here(keys)
  if not primary then return REPLICA end
  if not take(keys[1], args[1], args[2]) then return LEASE end
  call('HDEL', keys[1], 'fence')
  -- What was judged here up to now; while it is being reconciled, the stamp says more.
  call('HSETNX', keys[1], 'settled', call('HGET', keys[1], 'stamp') or 0)
  return look_at(keys)
end

-- Holder ('': who only looks), then marks of records.
local function peek(keys, args)
  local base, _, primary = here(keys)
  if not primary then return REPLICA end
  if args[1] ~= '' and not holds(keys[1], args[1]) then return LEASE end
  local out = { 'OK' }
  for i = 2, #args do out[#out + 1] = state_of(base, args[i]) or '' end
  return out
end

-- Holder, cursor.
local function boards_raw(keys, args)
  local base, _, primary = here(keys)
  if not primary then return REPLICA end
  if not holds(keys[1], args[1]) then return LEASE end
  return boards_from(base, args[2])
end

-- Whether what has the position (era, seq, index) comes after a.
local function later(a, era, seq, index)
  if a.era ~= era then return a.era > era end
  if a.seq ~= seq then return a.seq > seq end
  return a.index > index
end

-- Seasons of b up to the version that are older than the kept ones may be pruned.
local function let_go(base, b)
  for version = math.max(b.floor, 1), b.version - KEPT do
    local name = season_name(version, b.id)
    local packed = call('HGET', base .. 's', name)
    if packed then
      local _, last = unpack_(SEASON, packed)
      call('ZADD', base .. 'o', last, name)
    end
  end
end

local function install_board(base, is_open, id, packed, dirty)
  local b = parse_board(id, packed .. pack('>I4', 0))
  local old = load_board(base, id)
  if old and is_open and later(old, b.era, b.seq, b.index) then return 0 end
  b.floor = old and old.floor or math.max(b.version - KEPT + 1, 1)
  if dirty then call('ZADD', base .. 'd', 'LT', b.seq, 'b' .. id) end
  call('HSET', base .. 'b', id, pack_board(b))
  local name = season_name(b.version, id)
  call('ZADD', base .. 'n', 0, name)
  call('HSETNX', base .. 's', name, pack(SEASON, 0, b.seq))
  let_go(base, b)
  return math.max(b.seq, b.created, b.opened)
end

-- Keeps the window alone, unless something newer of the player is here.
local function keep_window(base, b, version, player, window)
  if window == '' then return end
  for newer = version + 1, b.version do
    if call('HEXISTS', base .. 'r:' .. season_name(newer, b.id), player) == 1 then return end
  end
  local key = base .. 'w:' .. b.id
  local kept = call('HGET', key, player)
  if kept and unpack_('>I4', kept) >= version then return end
  call('HSET', key, player, pack('>I4', version) .. window)
end

-- A row of a season that is not read here any more: the window alone, or, if the store lacks it, the record too until it was
-- written.
local function install_old(base, b, version, player, packed, r, dirty, mark)
  if not dirty then return keep_window(base, b, version, player, r.window) end
  call('ZADD', base .. 'd', 'LT', r.seq, mark)
  call('HSET', base .. 'r:' .. b.name, player, packed)
  call('ZADD', base .. 'n', 0, b.name)
  call('ZADD', base .. 'o', 'GT', r.seq, b.name)
  if version < b.floor then
    b.floor = version
    call('HSET', base .. 'b', b.id, pack_board(b))
  end
end

-- A season that records are put into, and what is there of these players; what is to be written waits in it for `put`.
local function season_of(base, b, version, players)
  enter(base, b, version)
  local s = {
    b = b, version = version, name = b.name, rows = b.rows, order = b.order, exists = b.exists,
    revision = b.revision, last = b.last, old = {}, new = {}, players = {}, leave = {}, dirty = {}
  }
  for from = 1, #players, CHUNK do
    local upto = math.min(from + CHUNK - 1, #players)
    local rows = call('HMGET', s.rows, unpack(players, from, upto))
    for i = 1, upto - from + 1 do
      if rows[i] then s.old[players[from + i - 1]] = decode(rows[i]) end
    end
  end
  return s
end

-- Puts a record aside to be written; the highest stamp in it, 0 if what is there stays.
local function put_aside(base, s, is_open, row)
  local b, r, player = s.b, row.record, row.player
  local old = s.old[player]
  if old and old.live then old.member = member_of(b, player, old) end
  if old and is_open and later(old, r.era, r.seq, r.index) then return 0 end
  if s.version <= b.version - KEPT and not s.exists then
    install_old(base, b, s.version, player, row.packed, r, row.dirty, row.mark)
  else
    if row.dirty then
      s.dirty[#s.dirty + 1] = r.seq
      s.dirty[#s.dirty + 1] = row.mark
    end
    r.member = r.live and member_of(b, player, r)
    if old and old.member and old.member ~= r.member then s.leave[#s.leave + 1] = old.member end
    if not s.new[player] then s.players[#s.players + 1] = player end
    s.old[player], s.new[player] = r, row.packed
    s.revision, s.last = math.max(s.revision, r.seq), math.max(s.last, r.seq)
  end
  return math.max(r.seq, r.updated, r.deleted, r.live and r.reached or 0, r.live and r.created or 0, latest(r.window))
end

-- Writes what was put aside: a command for many rows, which is what makes a rebuild fast.
local function put(base, s)
  if #s.players == 0 then return end
  local b, rows, order = s.b, {}, {}
  for i = 1, #s.players do
    local player = s.players[i]
    local r = s.old[player]
    rows[2 * i - 1], rows[2 * i] = player, s.new[player]
    if r.member then
      order[#order + 1] = directed(r.score, b.sort)
      order[#order + 1] = r.member
    end
  end
  call_many(s.dirty, 'ZADD', base .. 'd', 'LT')
  call_many(rows, 'HSET', s.rows)
  call_many(s.leave, 'ZREM', s.order)
  call_many(order, 'ZADD', s.order)
  if not s.exists then call('ZADD', base .. 'n', 0, s.name) end
  call('HSET', base .. 's', s.name, pack(SEASON, s.revision, s.last))
  if s.version <= b.version - KEPT then call('ZADD', base .. 'o', 'GT', s.last, s.name) end
  call_many(s.players, 'HDEL', base .. 'w:' .. b.id)
end

-- Holder, replication id, the store's watermark and the number of its last claim: before anything of the store is put in. What is
-- put in is not dirty; so should this be broken off, and the store go back, it must show that more is here than the store has.
-- Behind a log that is not enough: boards may be further in it than their records, and what is half there is forgotten.
local function loads(keys, args)
  local _, id, primary = here(keys)
  if not primary then return REPLICA end
  if not holds(keys[1], args[1]) then return LEASE end
  if id ~= args[2] then return FENCED end
  local m = call('HMGET', keys[1], 'persisted', 'stored')
  local upto, number = math.max(tonumber(args[3]), tonumber(m[1] or 0)), math.max(tonumber(args[4]), tonumber(m[2] or 0))
  call('HSET', keys[1], 'persisted', upto, 'stored', number, 'loading', 1)
  return { 'OK' }
end

-- Holder, replication id, then triples of dirty (0 or 1), mark and packed state. Boards come before their records. On a shard
-- that is open what is there stays if its position is higher: it was judged since the caller looked.
local function install(keys, args)
  local base, id, primary = here(keys)
  if not primary then return REPLICA end
  if not holds(keys[1], args[1]) then return LEASE end
  if id ~= args[2] then return FENCED end
  local m = call('HMGET', keys[1], 'fence', 'stamp')
  local is_open, stamp = m[1] == id, tonumber(m[2] or 0)
  -- All is read before anything is written: what cannot be read is an error.
  local boards_, known, seasons = {}, {}, {}
  for i = 3, #args, 3 do
    local row = { dirty = args[i] == '1', mark = args[i + 1], packed = args[i + 2] }
    if sub(row.mark, 1, 1) == 'b' then
      row.board = sub(row.mark, 2)
      parse_board('', row.packed .. pack('>I4', 0))
      boards_[#boards_ + 1], known[row.board] = row, true
    else
      local version, board, player = parse_mark(row.mark)
      row.player, row.record = player, decode(row.packed)
      if known[board] == nil then known[board] = load_board(base, board) and true or false end
      if not known[board] then return { 'NOBOARD' } end
      local name = season_name(version, board)
      local season = seasons[name]
      if not season then
        season = { board = board, version = version, players = {} }
        seasons[name], seasons[#seasons + 1] = season, season
      end
      season[#season + 1] = row
      season.players[#season.players + 1] = player
    end
  end
  for _, row in ipairs(boards_) do
    stamp = math.max(stamp, install_board(base, is_open, row.board, row.packed, row.dirty))
  end
  local loaded = {}
  for _, season in ipairs(seasons) do
    local b = loaded[season.board] or load_board(base, season.board)
    loaded[season.board] = b
    local s = season_of(base, b, season.version, season.players)
    for _, row in ipairs(season) do stamp = math.max(stamp, put_aside(base, s, is_open, row)) end
    put(base, s)
  end
  call('HSET', keys[1], 'stamp', stamp)
  return { 'OK' }
end

-- Holder, replication id, epoch, how many were lifted before, most: gives what is dirty a position in the epoch. For a Redis that
-- sat out an epoch: somebody of that one, who never saw these, may still write over them.
local function lift(keys, args)
  local base, id, primary = here(keys)
  if not primary then return REPLICA end
  if not holds(keys[1], args[1]) then return LEASE end
  if id ~= args[2] then return FENCED end
  local epoch, from, most = tonumber(args[3]), tonumber(args[4]), tonumber(args[5])
  if from == 0 then put_back(base) end
  local stamp = tonumber(call('HGET', keys[1], 'stamp') or 0)
  local marks = call('ZRANGE', base .. 'd', from, from + most - 1)
  for i = 1, #marks do
    stamp = stamp + 1
    if sub(marks[i], 1, 1) == 'r' then
      local version, board, player = parse_mark(marks[i])
      local name = season_name(version, board)
      local packed = call('HGET', base .. 'r:' .. name, player)
      if packed then
        local r = decode(packed)
        r.era, r.seq, r.index = epoch, stamp, 0
        call('HSET', base .. 'r:' .. name, player, encode(r))
        local season = call('HGET', base .. 's', name)
        if season then
          local revision = unpack_(SEASON, season)
          call('HSET', base .. 's', name, pack(SEASON, revision, stamp))
        end
      end
    elseif sub(marks[i], 1, 1) == 'b' then
      local b = load_board(base, sub(marks[i], 2))
      if b then
        b.era, b.seq, b.index = epoch, stamp, 0
        call('HSET', base .. 'b', b.id, pack_board(b))
      end
    end
  end
  call('HSET', keys[1], 'stamp', stamp)
  return { 'OK', #marks }
end

-- Holder, replication id. Forgets all of the shard but who looks after it, and the numbers that only grow: for a shard behind a
-- log, of which this Redis and the store together do not have all any more. All at once: what is half there is never merged.
local function forget(keys, args)
  local base, id, primary = here(keys)
  if not primary then return REPLICA end
  if not holds(keys[1], args[1]) then return LEASE end
  if id ~= args[2] then return FENCED end
  local boards_, seasons = call('HKEYS', base .. 'b'), call('ZRANGE', base .. 'n', 0, -1)
  for i = 1, #boards_ do call('UNLINK', base .. 'w:' .. boards_[i]) end
  for i = 1, #seasons do call('UNLINK', base .. 'r:' .. seasons[i], base .. 'z:' .. seasons[i]) end
  for kind in string.gmatch('bsnodfcy', '.') do call('UNLINK', base .. kind) end
  call('HDEL', keys[1], 'fence', 'settled', 'stamp', 'persisted', 'stored', 'marking', 'marker', 'loading', 'wake', 'pruning',
    'pruned_to', 'pruned', 'log', 'era', 'applied', 'bytes', 'warming')
  return { 'OK' }
end

-- Where the shard goes on in a log: its name ('': it leaves the one that it was behind), the era, and unless it goes on where it
-- is, offset and stamp.
local function open_log(base, meta, epoch, name, era, offset, stamp)
  if name == '' then
    call('UNLINK', base .. 'c')
    call('HDEL', meta, 'log', 'era', 'applied', 'bytes', 'warming')
    return
  end
  local known = call('HGET', meta, 'log') == name
  call('HSET', meta, 'log', name, 'era', era, 'warming', epoch)
  if not known then
    call('UNLINK', base .. 'c', base .. 'y')
    call('HSET', meta, 'applied', -1, 'bytes', 0)
  end
  -- A season that came from the store was opened by the log as well: should the store go back, it must get it again.
  local boards_ = call('HGETALL', base .. 'b')
  for i = 1, #boards_, 2 do
    local b = parse_board(boards_[i], boards_[i + 1])
    if b.era == tonumber(era) and not opening_of(base, b.id, b.version) then keep_opening(base, b) end
  end
  if offset == '' then return end
  call('UNLINK', base .. 'c')
  call('HSET', meta, 'applied', offset, 'stamp', stamp)
  if offset ~= '-1' then call('ZADD', base .. 'c', stamp, offset .. ':' .. (call('HGET', meta, 'bytes') or 0)) end
end

-- Holder, replication id, epoch, stamp, persisted, deployment, shards, window, number of the store's last claim; behind a log
-- also its name, the era, the offset that is applied ('': as it is here) and the stamp after it. A kept watermark or number that
-- is above the store's is left, so that the next claim sees that the store went back; and claims go on above the store's, so
-- that each is told from all before it, whatever this Redis lost.
local function open(keys, args)
  local _, id, primary = here(keys)
  if not primary then return REPLICA end
  if not holds(keys[1], args[1]) then return LEASE end
  if id ~= args[2] then return FENCED end
  local m = call('HMGET', keys[1], 'deployment', 'shards', 'window', 'stamp', 'persisted', 'marking', 'format', 'stored', 'claim')
  if m[1] and (m[1] ~= args[6] or m[2] ~= args[7] or m[3] ~= args[8]) then
    return { 'DEPLOYMENT', m[1], m[2], m[3] }
  end
  if m[7] and m[7] ~= FORMAT then return { 'FORMAT', m[7] } end
  local stamp = math.max(tonumber(args[4]), tonumber(m[4] or 0))
  local store, kept = tonumber(args[5]), tonumber(m[5] or 0)
  local number, stored = tonumber(args[9]), tonumber(m[8] or 0)
  if kept > store or stored > number then
    call('HSET', keys[1], 'marking', math.min(store, tonumber(m[6] or LAST)))
  end
  call('HSET', keys[1], 'epoch', tonumber(args[3]), 'stamp', stamp, 'persisted', math.max(store, kept), 'deployment', args[6],
    'shards', args[7], 'window', args[8], 'format', FORMAT, 'stored', math.max(number, stored),
    'claim', math.max(number, tonumber(m[9] or 0)))
  if args[10] then
    -- Behind a log stamps are given by it alone: what this Redis had, or where the store is in it.
    call('HSET', keys[1], 'stamp', call('HGET', keys[1], 'settled') or stamp)
    open_log(sub(keys[1], 1, -2), keys[1], args[3], args[10], args[11], args[12], args[13])
  end
  call('HDEL', keys[1], 'settled', 'loading')
  call('HSET', keys[1], 'fence', id)
  return { 'OK' }
end

-- The season that is being pruned, or the next whose records are all in the store; nil if there is none.
local function season_to_prune(S)
  local name = call('HGET', S.meta, 'pruning')
  if name then return name end
  local sure = math.min(S.persisted, S.marking or LAST)
  name = call('ZRANGEBYSCORE', S.base .. 'o', '-inf', sure, 'LIMIT', 0, 1)[1]
  if name then
    local pruned = math.max(tonumber(call('ZSCORE', S.base .. 'o', name)), tonumber(call('HGET', S.meta, 'pruned') or 0))
    call('HDEL', S.base .. 's', name)
    call('HSET', S.meta, 'pruning', name, 'pruned_to', '0', 'pruned', pruned)
    call('UNLINK', S.base .. 'z:' .. name)
  end
  return name
end

-- Holder, most records. First readers cannot find the season any more, then its records go, and leave their windows.
local function prune(keys, args)
  local S = opened(keys)
  if not S then return FENCED end
  if not holds(S.meta, args[1]) then return LEASE end
  local name = season_to_prune(S)
  if not name then return { 'OK', 0 } end
  local version, id, rows = tonumber(sub(name, 1, 10)), sub(name, 12), S.base .. 'r:' .. name
  local b = load_board(S.base, id)
  local step = call('HSCAN', rows, call('HGET', S.meta, 'pruned_to'), 'COUNT', args[2])
  local gone = {}
  for i = 1, #step[2], 2 do
    local player, mark = step[2][i], mark_of_row(version, id, step[2][i])
    -- What is not in the store (any more, if that went back) stays.
    if not call('ZSCORE', S.base .. 'd', mark) and not call('ZSCORE', S.base .. 'f', mark) then
      keep_window(S.base, b, version, player, decode(step[2][i + 1]).window)
      gone[#gone + 1] = player
    end
  end
  call_many(gone, 'HDEL', rows)
  if step[1] ~= '0' then
    call('HSET', S.meta, 'pruned_to', step[1])
    return { 'OK', 1 }
  end
  call('HDEL', S.meta, 'pruning', 'pruned_to')
  -- What stayed since the store lacks it goes with the season's next turn, behind all others.
  if call('EXISTS', rows) == 1 then
    call('ZADD', S.base .. 'o', S.stamp, name)
    return { 'OK', 0 }
  end
  call('ZREM', S.base .. 'n', name)
  call('ZREM', S.base .. 'o', name)
  if b.floor == version then
    b.floor = version + 1
    call('HSET', S.base .. 'b', id, pack_board(b))
  end
  return { 'OK', 1 }
end

redis.register_function { function_name = '@NAME@_survey', callback = survey, flags = { 'allow-oom' } }
redis.register_function { function_name = '@NAME@_peek', callback = peek, flags = { 'no-writes' } }
redis.register_function { function_name = '@NAME@_boards_raw', callback = boards_raw, flags = { 'no-writes' } }
redis.register_function { function_name = '@NAME@_loads', callback = loads, flags = { 'allow-oom' } }
redis.register_function { function_name = '@NAME@_install', callback = install, flags = { 'allow-oom' } }
redis.register_function { function_name = '@NAME@_lift', callback = lift, flags = { 'allow-oom' } }
redis.register_function { function_name = '@NAME@_forget', callback = forget, flags = { 'allow-oom' } }
redis.register_function { function_name = '@NAME@_open', callback = open, flags = { 'allow-oom' } }
redis.register_function { function_name = '@NAME@_prune', callback = prune, flags = { 'allow-oom' } }

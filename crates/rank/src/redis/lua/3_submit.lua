-- Judging: the same as `Record::submit`, `Record::delete` and `Leaderboard::reset`.
--
-- A call has any number of requests, each a head and its works. All of them are parsed before anything is written. What a
-- request changes is collected and written at its end (after each work, if ranks are asked for), always in this order:
-- dirty mark, record, order, season; and the shard's stamp at the very end.
local BEST, SET, INCREMENT = 0, 1, 2
local AUTO_CREATE, WANT_RECORD, WANT_RANK, WANT_PREVIOUS, WAKE, TOLD = 1, 2, 4, 8, 16, 32
local OUT_OF_RANGE, REFUSED, NOT_FOUND = '\16', { '', '\17', '\18' }, '\19'
local ALREADY_EXISTS, VERSION_CONFLICT, EXHAUSTED = '\20', 21, '\22'
local IMPROVED, UNCHANGED, AGAIN = 0, 1, 2
local OPENING, OPENING_BYTES, OPENINGS = '>I4I7', 11, 64

local function parse_work(packed)
  local kind = sub(packed, 1, 1)
  local w = { kind = kind }
  if kind == 'S' then
    local keyed, length, at
    w.score, w.sub, keyed, at = unpack_('>i7i7B', packed, 2)
    if keyed == 1 then
      w.key = unpack_('c31', packed, at)
      at = at + 31
    end
    length, at = unpack_('B', packed, at)
    w.player = sub(packed, at, at + length - 1)
    w.metadata = sub(packed, at + length)
  elseif kind == 'D' then
    w.player = sub(packed, 2)
  elseif kind == 'C' then
    w.op, w.sort, w.sub = unpack_('BBB', packed, 2)
  elseif kind == 'R' then
    w.expected = unpack_('>I4', packed, 2)
  else
    error('no such work')
  end
  return w
end

-- The request at an argument, and where the next one is.
local function parse_request(args, at)
  local flags, count, from = unpack_('>BH', args[at])
  local has = function(flag) return bit.band(flags, flag) ~= 0 end
  local request = {
    board = sub(args[at], from), works = {}, auto_create = has(AUTO_CREATE), record = has(WANT_RECORD),
    rank = has(WANT_RANK), previous = has(WANT_PREVIOUS), ranks = has(WANT_RANK + WANT_PREVIOUS), wake = has(WAKE),
    told = has(TOLD)
  }
  for i = 1, count do
    request.works[i] = parse_work(args[at + i])
  end
  return request, at + count + 1
end

local function parse_requests(args)
  local requests, at = {}, 1
  while at <= #args do
    requests[#requests + 1], at = parse_request(args, at)
  end
  return requests
end

-- Writes what was collected of the board's present season.
local function flush(S, b)
  local changed = b.changed
  if #changed == 0 then return end
  local marks, rows, gone, placed, kept = {}, {}, {}, {}, {}
  local tag = pack('>c1I4B', 'r', b.version, #b.id) .. b.id
  for i = 1, #changed do
    local player = changed[i]
    local r = b.records[player]
    marks[2 * i - 1], marks[2 * i] = r.first, tag .. player
    rows[2 * i - 1], rows[2 * i] = player, encode(r)
    if r.moved then
      if r.was then gone[#gone + 1] = member(b, player, r.was, r.was_reached) end
      if r.live then
        placed[#placed + 1] = directed(r.score, b.sort)
        placed[#placed + 1] = member_of(b, player, r)
      end
    end
    r.first, r.moved, r.was = nil, nil, nil
    if r.kept then
      kept[#kept + 1], r.kept = player, nil
    end
  end
  call_many(marks, 'ZADD', S.base .. 'd', 'LT')
  call_many(rows, 'HSET', b.rows)
  if #gone > 0 then call_many(gone, 'ZREM', b.order) end
  if #placed > 0 then call_many(placed, 'ZADD', b.order) end
  if #kept > 0 then call_many(kept, 'HDEL', S.base .. 'w:' .. b.id) end
  call('HSET', S.base .. 's', b.name, pack(SEASON, b.revision, b.last))
  b.changed = {}
end

-- Whether what is being applied again from a log (it takes the stamps up to S.upto) is part of this already.
local function has_seen(S, state)
  return S.upto and (state.era > S.era or (state.era == S.era and state.seq >= S.upto))
end

-- What a rebuild found in the store above its watermark is written once more: the watermark is to rise over it, and nobody
-- watches what is above. (A store that went back to a copy without it would go unnoticed.)
local function pass_over(S, b, player)
  if S.upto > S.persisted then
    call('ZADD', S.base .. 'd', 'LT', S.upto, mark_of_row(b.version, b.id, player))
  end
  return nil
end

-- Takes the stamp for a change of a record.
local function touch(S, b, player, r, stamp)
  S.stamp = stamp
  if not r.first then
    r.first = stamp
    b.changed[#b.changed + 1] = player
    -- Where the order has it.
    if r.live then r.was, r.was_reached = r.sub, r.reached end
  end
  r.era, r.seq, r.index, r.updated = S.era, stamp, 0, stamp
  b.last = stamp
end

local function submitted(b, player, r, outcome, want, previous)
  local rank, at, record = 0, r, ''
  if want.rank and r.live then rank = call('ZRANK', b.order, member_of(b, player, r)) + 1 end
  if want.record and r.live then
    record = pack('>I7', r.updated) .. pack(LIVE, r.score, r.sub, r.num, r.created, r.reached, #r.metadata) .. r.metadata
  end
  -- A duplicate of a player who brought only a window: where that was filed.
  if r.seq == 0 and r.before then at = r.before end
  return pack('>BBI4I4I7I4I7I7', 0, outcome, b.version, at.era, at.seq, at.index, rank, previous or 0) .. record
end

local function score_into(S, b, w, r, stamp)
  if not r.live then
    r.live, r.score, r.sub, r.metadata = true, w.score, w.sub, w.metadata
    r.num, r.created, r.reached = 1, stamp, stamp
    return IMPROVED
  end
  local moved
  if b.op == BEST then
    local new, old = directed(w.score, b.sort), directed(r.score, b.sort)
    local better = new < old or (new == old and directed(w.sub, b.sub) < directed(r.sub, b.sub))
    if better then r.score, r.sub, r.metadata = w.score, w.sub, w.metadata end
    moved = better
  elseif b.op == SET then
    moved = w.score ~= r.score or w.sub ~= r.sub
    r.score, r.sub, r.metadata = w.score, w.sub, w.metadata
  else
    moved = w.score ~= 0 or w.sub ~= 0
    r.score, r.sub = r.score + w.score, r.sub + w.sub
    if w.metadata ~= '' then r.metadata = w.metadata end
  end
  r.num = math.min(r.num + 1, LAST)
  if moved then r.reached = stamp end
  return moved and IMPROVED or UNCHANGED
end

local function outside(number)
  return number > LAST or number < -LAST
end

local function judge_submit(S, b, w, want)
  -- So that ranks are those of this very moment.
  if want.ranks then flush(S, b) end
  local r = record_of(S.base, b, w.player)
  if has_seen(S, r) then return pass_over(S, b, w.player) end
  local previous
  if want.previous and r.live then previous = call('ZRANK', b.order, member_of(b, w.player, r)) + 1 end
  if w.key then
    local known = seen(r.window, w.key)
    if known == DUPLICATE then
      S.again = true
      return submitted(b, w.player, r, AGAIN, want, previous)
    elseif known ~= NEW then
      return REFUSED[known]
    end
  end
  local stamp = next_stamp(S)
  if not stamp then return EXHAUSTED end
  if r.live and b.op == INCREMENT and (outside(r.score + w.score) or outside(r.sub + w.sub)) then
    return OUT_OF_RANGE
  end
  touch(S, b, w.player, r, stamp)
  local outcome = score_into(S, b, w, r, stamp)
  if outcome == IMPROVED then b.revision, r.moved = stamp, true end
  if w.key then r.window = file(r.window, w.key, stamp, S.window) end
  if want.ranks then flush(S, b) end
  return submitted(b, w.player, r, outcome, want, previous)
end

local function judge_delete(S, b, w)
  local r = record_of(S.base, b, w.player)
  if has_seen(S, r) then return pass_over(S, b, w.player) end
  if not r.live then
    S.again = true
    return '\1\0'
  end
  local stamp = next_stamp(S)
  if not stamp then return EXHAUSTED end
  touch(S, b, w.player, r, stamp)
  r.live, r.moved, r.deleted, b.revision = nil, true, stamp, stamp
  return pack('>BBI4I7I4', 1, 1, r.era, r.seq, r.index)
end

-- Remembers when the present season of a board was opened: version and stamp, of the last OPENINGS.
local function keep_opening(base, b)
  local list = (call('HGET', base .. 'y', b.id) or '') .. pack(OPENING, b.version, b.opened)
  call('HSET', base .. 'y', b.id, sub(list, -OPENINGS * OPENING_BYTES))
end

-- Writes a board that was created or has a new season, and enters that.
local function keep_board(S, b, stamp)
  S.stamp = stamp
  b.era, b.seq, b.index, b.opened = S.era, stamp, 0, stamp
  if S.log then
    call('ZADD', S.base .. 'd', 'LT', stamp, mark_of_season(b.version, b.id))
    keep_opening(S.base, b)
  else
    call('ZADD', S.base .. 'd', 'LT', stamp, 'b' .. b.id)
  end
  call('HSET', S.base .. 'b', b.id, pack_board(b))
  enter(S.base, b, b.version)
  b.last = stamp
  call('ZADD', S.base .. 'n', 0, b.name)
  call('HSET', S.base .. 's', b.name, pack(SEASON, b.revision, b.last))
  S.boards[b.id] = b
end

local function board_done(b)
  return '\2' .. sub(pack_board(b), 1, -5)
end

local function create(S, id, w)
  local stamp = next_stamp(S)
  if not stamp then return nil end
  local b = { id = id, op = w.op, sort = w.sort, sub = w.sub, version = 1, created = stamp, floor = 1 }
  keep_board(S, b, stamp)
  return b
end

local function judge_reset(S, b, w)
  if w.expected ~= 0 and w.expected ~= b.version then return pack('>BI4', VERSION_CONFLICT, b.version) end
  local stamp = next_stamp(S)
  if b.version >= 2147483647 or not stamp then return EXHAUSTED end
  flush(S, b)
  b.version = b.version + 1
  keep_board(S, b, stamp)
  local old = season_name(math.max(b.version - KEPT, 0), b.id)
  local packed = call('HGET', S.base .. 's', old)
  if packed then
    local _, last = unpack_(SEASON, packed)
    call('ZADD', S.base .. 'o', last, old)
  end
  return board_done(b)
end

-- The board as this call has it.
local function board_of(S, id)
  local b = S.boards[id]
  if b == nil then
    b = load_board(S.base, id)
    if b then enter(S.base, b, b.version) end
    S.boards[id] = b
  end
  return b
end

local function fetch(b, works)
  local players, asked = {}, {}
  for i = 1, #works do
    local player = works[i].player
    if player and not asked[player] and not b.records[player] then
      asked[player] = true
      players[#players + 1] = player
    end
  end
  for from = 1, #players, CHUNK do
    local upto = math.min(from + CHUNK - 1, #players)
    local rows = call('HMGET', b.rows, unpack(players, from, upto))
    for i = from, upto do b.fetched[players[i]] = rows[i - from + 1] end
  end
end

-- Nil: it was judged before.
local function judge(S, request, w)
  local b = board_of(S, request.board)
  -- Before the store got this season it got everything of the board that came before.
  if b and has_seen(S, b) then return nil end
  if w.kind == 'C' then
    if b then return ALREADY_EXISTS end
    b = create(S, request.board, w)
    return b and board_done(b) or EXHAUSTED
  end
  if not b and w.kind == 'S' and request.auto_create then
    -- Only a submission that is taken creates a board: of an id with the time 0 nobody can tell whether it fell out.
    if w.key and seen('', w.key) ~= NEW then return REFUSED[EXPIRED] end
    -- BEST, the largest first.
    b = create(S, request.board, { op = BEST, sort = 0, sub = 0 })
    if not b then return EXHAUSTED end
  end
  if not b then return NOT_FOUND end
  -- One that may create a board has two stamps, whether it does or not: a replay must give the same ones.
  if S.upto then S.stamp = S.upto - 1 end
  if w.kind == 'S' then return judge_submit(S, b, w, request) end
  if w.kind == 'D' then return judge_delete(S, b, w) end
  return judge_reset(S, b, w)
end

local function submit(keys, args)
  local S = opened(keys)
  if not S then return { 'FENCED' } end
  if S.log then return { 'LOGGED' } end
  local requests, before, wake = parse_requests(args), S.stamp, false
  local out = { 'OK', S.era }
  for i = 1, #requests do
    local request, started = requests[i], S.stamp
    local b = board_of(S, request.board)
    if b then fetch(b, request.works) end
    for j = 1, #request.works do
      out[#out + 1] = judge(S, request, request.works[j])
    end
    b = board_of(S, request.board)
    if b then flush(S, b) end
    -- A retry waits for the store like the first.
    wake = wake or request.wake
  end
  if S.stamp ~= before then call('HSET', S.meta, 'stamp', S.stamp) end
  if wake then call('HSET', S.meta, 'wake', 1) end
  -- So that the `WAIT` of who changed nothing means that what was found is on the replicas.
  if S.again and S.stamp == before then call('HINCRBY', S.meta, 'again', 1) end
  return out
end

redis.register_function('@NAME@_submit', submit)

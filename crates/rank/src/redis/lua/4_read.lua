-- Reading: one board, or rows of one season, all of one moment. Nothing here writes.

-- Whether the bytes of `a` come before those of `b`: `<` would ask the server's locale.
local function bytes_before(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- How many stand before a place, and whether somebody stands exactly there: a count of the better scores, then a binary
-- search by member among those with the same.
local function place(order, score, member)
  local exact = call('ZRANK', order, member)
  if exact and tonumber(call('ZSCORE', order, member)) == score then return exact, true end
  local text = string.format('%.0f', score)
  local low = call('ZCOUNT', order, '-inf', '(' .. text)
  local high = low + call('ZCOUNT', order, text, text)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if bytes_before(call('ZRANGE', order, middle, middle)[1], member) then low = middle + 1 else high = middle end
  end
  return low, false
end

-- Appends rank, player and record of those at the indices `from` to `upto`, both included.
local function rows_between(out, b, from, upto)
  for start = math.max(from, 0), upto, CHUNK do
    local members = call('ZRANGE', b.order, start, math.min(start + CHUNK - 1, upto))
    if #members == 0 then return end
    local players = {}
    for i = 1, #members do players[i] = sub(members[i], 16) end
    local rows = call('HMGET', b.rows, unpack(players))
    for i = 1, #members do
      out[#out + 1] = start + i
      out[#out + 1] = players[i]
      out[#out + 1] = without_window(rows[i])
    end
  end
end

-- The index of a player in the order, and the record; nil if it has no score.
local function index_of(b, player, packed)
  if not packed or string.byte(packed) == NO_SCORE then return nil end
  return call('ZRANK', b.order, member_of(b, player, decode(packed)))
end

local function read_rows(out, b, total, args)
  local kind = args[3]
  if kind == 'F' then
    local first = tonumber(args[4]) - 1
    rows_between(out, b, first, math.min(first + tonumber(args[5]), total) - 1)
  elseif kind == 'A' or kind == 'B' then
    local at, exact = place(b.order, unpack_('>i7', args[4]), args[5])
    local limit = tonumber(args[6])
    if kind == 'A' then
      if exact then at = at + 1 end
      rows_between(out, b, at, math.min(at + limit, total) - 1)
    else
      rows_between(out, b, at - limit, at - 1)
    end
  elseif kind == 'R' then
    local at, range = index_of(b, args[4], call('HGET', b.rows, args[4])), tonumber(args[5])
    if at then rows_between(out, b, at - range, math.min(at + range, total - 1)) end
  elseif kind == 'P' then
    for i = 4, #args do
      local packed = call('HGET', b.rows, args[i])
      local at = index_of(b, args[i], packed)
      if at then
        out[#out + 1] = at + 1
        out[#out + 1] = args[i]
        out[#out + 1] = without_window(packed)
      end
    end
  end
end

-- Board, version (0: the present one), kind of query, and what that needs.
local function page(keys, args)
  local S = opened(keys)
  if not S then return { 'FENCED' } end
  local b = load_board(S.base, args[1])
  -- The log may be about to tell of it.
  if not b then return { S.warming and 'FENCED' or 'NOBOARD' } end
  local version = tonumber(args[2])
  if version == 0 then version = b.version end
  enter(S.base, b, version)
  local shown = sub(pack_board(b), 1, -5)
  if not b.exists then return { 'NOSEASON', shown } end
  local total = call('ZCARD', b.order)
  local out = { 'OK', shown, version, total, b.revision, S.warming and 1 or 0 }
  read_rows(out, b, total, args)
  return out
end

-- A step through the boards: a cursor, then the next cursor and pairs of id and packed board.
local function boards_from(base, cursor)
  local step = call('HSCAN', base .. 'b', cursor, 'COUNT', CHUNK)
  local out, pairs_ = { 'OK', step[1] }, step[2]
  for i = 1, #pairs_, 2 do
    out[#out + 1] = pairs_[i]
    out[#out + 1] = sub(pairs_[i + 1], 1, -5)
  end
  return out
end

local function boards(keys, args)
  local S = opened(keys)
  if not S then return { 'FENCED' } end
  return boards_from(S.base, args[1])
end

redis.register_function { function_name = '@NAME@_page', callback = page, flags = { 'no-writes' } }
redis.register_function { function_name = '@NAME@_boards', callback = boards, flags = { 'no-writes' } }

-- Applying what a log says, in its order and from its content alone: the clock is that of the entry, and every work takes its
-- stamps whatever becomes of it. So a replay gives the same stamps again, and what has them already is passed over.
--
-- Behind a log a shard also has: log, its name; era, of all positions that come from it; applied, the last offset; bytes, of
-- all entries up to there; warming, the epoch, until what was the end of the log after the shard was opened is reached.
local CHECKPOINTS, VERDICTS, VERDICTS_LIVE_MS = 1024, 4096, 60000
local NOT_REFUSED = 16

-- Each entry is a head and its requests.
local function parse_entries(args, at)
  local entries, count = {}, nil
  while at <= #args do
    local e = { requests = {} }
    e.offset, e.time, e.bytes, e.origin, e.number, count = unpack_('>I7I7I4c8I7H', args[at])
    at = at + 1
    for i = 1, count do
      e.requests[i], at = parse_request(args, at)
    end
    entries[#entries + 1] = e
  end
  return entries
end

-- Reads all players of all works in a call a board.
local function fetch_all(S, entries)
  local works = {}
  for i = 1, #entries do
    for j = 1, #entries[i].requests do
      local request = entries[i].requests[j]
      local of = works[request.board] or {}
      works[request.board] = of
      for k = 1, #request.works do of[#of + 1] = request.works[k] end
    end
  end
  for board, of in pairs(works) do
    local b = board_of(S, board)
    if b then fetch(b, of) end
  end
end

-- Remembers after which stamp what is applied. When there are many, every second one goes.
local function checkpoint(S)
  local key = S.base .. 'c'
  call('ZADD', key, S.stamp, S.applied .. ':' .. S.bytes)
  if call('ZCARD', key) <= CHECKPOINTS then return end
  local all, gone = call('ZRANGE', key, 0, -1), {}
  for i = 2, #all - 1, 2 do gone[#gone + 1] = all[i] end
  call_many(gone, 'ZREM', key)
end

local function tell(S, verdicts)
  for origin, of in pairs(verdicts) do
    local key = S.base .. 'v:' .. origin
    call_many(of, 'RPUSH', key)
    call('LTRIM', key, -VERDICTS, -1)
    call('PEXPIRE', key, VERDICTS_LIVE_MS)
  end
end

-- Judges the works of an entry, the first of which is above `stamp`. Returns the last stamp that they took.
local function judge_entry(S, e, stamp, verdicts, counts)
  S.clock = math.min(math.max(e.time - ORIGIN, 0) * 4096, LAST)
  local index = 0
  for i = 1, #e.requests do
    local request = e.requests[i]
    for j = 1, #request.works do
      local w, first = request.works[j], math.max(stamp + 1, S.clock)
      S.stamp = first - 1
      S.upto = math.min((w.kind == 'S' and request.auto_create) and first + 1 or first, LAST)
      local result = judge(S, request, w)
      stamp = S.upto
      if not result then
        counts.seen = counts.seen + 1
      elseif string.byte(result) < NOT_REFUSED then
        counts.applied = counts.applied + 1
      else
        counts.refused = counts.refused + 1
      end
      if result and request.told then
        local of = verdicts[e.origin] or {}
        verdicts[e.origin] = of
        of[#of + 1] = pack('>I7H', e.number, index) .. result
      end
      index = index + 1
    end
  end
  return stamp
end

-- Log, the offset that the caller believes to be applied (-1: none), the epoch in which it looked for the end of the log, if
-- this reaches it (0: no), then entries.
local function apply(keys, args)
  local S = opened(keys)
  if not S then return FENCED end
  if S.log ~= args[1] then return { 'NOLOG', S.log or '' } end
  -- It went back. Whoever reads must go back, too.
  if tonumber(args[2]) > S.applied then return { 'BEHIND', S.applied } end
  local entries, verdicts, counts = parse_entries(args, 4), {}, { applied = 0, refused = 0, seen = 0 }
  local before, stamp = S.applied, S.stamp
  fetch_all(S, entries)
  for i = 1, #entries do
    local e = entries[i]
    if e.offset > S.applied then
      stamp = judge_entry(S, e, stamp, verdicts, counts)
      S.applied, S.bytes = e.offset, S.bytes + e.bytes
    end
  end
  S.stamp, S.upto = stamp, nil
  for _, b in pairs(S.boards) do
    if b then flush(S, b) end
  end
  tell(S, verdicts)
  if S.applied > before then
    call('HSET', S.meta, 'stamp', S.stamp, 'applied', S.applied, 'bytes', S.bytes)
    checkpoint(S)
  end
  if S.warming and args[3] == S.warming then call('HDEL', S.meta, 'warming') end
  return { 'OK', S.applied, counts.applied, counts.refused, counts.seen }
end

-- Origin, most: takes what became of its works.
local function verdicts(keys, args)
  local base, _, primary = here(keys)
  if not primary then return REPLICA end
  local out = call('LPOP', base .. 'v:' .. args[1], args[2]) or {}
  table.insert(out, 1, 'OK')
  return out
end

redis.register_function('@NAME@_apply', apply)
redis.register_function { function_name = '@NAME@_verdicts', callback = verdicts, flags = { 'allow-oom' } }

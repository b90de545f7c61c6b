-- What all functions share: packing, the fence, the stamp.
--
-- Keys of a shard begin with its tag, BASE = "{PREFIX:SHARD}:":
--   m  hash    the shard: fence, epoch, stamp, persisted, marking, marker, wake, claim, stored, pruned, loading,
--              holder, since, until, deployment, shards ...;
--              behind a log also log, era, applied, bytes, warming (see 7_apply)
--   b  hash    board -> packed board
--   s  hash    season -> revision and last sequence, of the seasons that can be read
--   n  zset    every season of which records are here, by name (all scores 0)
--   o  zset    seasons older than the kept ones, by their last sequence: what may be pruned
--   d  zset    what is dirty, f what is in flight, by the first sequence that is not in the store
--   p  zset    live persisters, and a those who apply, by when they expire (shard 0 alone)
--   c  zset    behind a log: after which stamp which offset was applied, and how many bytes up to there
--   y  hash    behind a log: board -> its seasons that this log opened, each version and stamp
--   v:ORIGIN   list  behind a log: what became of the works of a process that waits for it
--   r:SEASON   hash  player -> packed record
--   z:SEASON   zset  the order: directed score, and a member that begins with directed subscore and stamp
--   w:BOARD    hash  player -> version and window, of players without a record in a season that is here
-- A season's name is its version in ten digits, a colon, and the board. Numbers are packed, big endian, in 7 bytes: text
-- would lose digits (tostring(1e14) is 1e+14). Strings are compared by `==` alone: `<` goes by the server's locale.
local ORIGIN, LAST, KEPT, FORMAT = 1735689600000, 9007199254740991, 2, '1'
local CHUNK = 1000
local BOARD, SEASON = '>BBBI4I7I7I4I7I4I4', '>I7I7'
-- Filled by `here`: while the library is loaded, no global is there yet.
local call, pack, unpack_, sub, find

local function now_ms()
  local time = call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- BASE, this Redis's replication id, and whether it is a primary that has the whole shard: read inside the function, so no
-- connection can be stale. While a Cluster moves a slot away its keys go one by one, and a key that is not here (any more, or
-- as always) is an error; so one that never is tells before anything was done that this is going on.
local function here(keys)
  call, pack, unpack_, sub, find = redis.call, struct.pack, struct.unpack, string.sub, string.find
  local info = call('INFO', 'replication')
  local role, id = string.match(info, 'role:(%a+)'), string.match(info, 'master_replid:(%x+)')
  local base = sub(keys[1], 1, -2)
  local stays = type(redis.pcall('EXISTS', base .. 'never')) == 'number'
  return base, id, role == 'master' and stays
end

-- The shard, if it is open under this Redis, which is a primary and has all of it.
local function opened(keys)
  local base, id, primary = here(keys)
  local m = call('HMGET', keys[1], 'fence', 'format', 'epoch', 'stamp', 'window', 'persisted', 'marking', 'log', 'era',
    'applied', 'bytes', 'warming')
  if not primary or not id or m[1] ~= id or m[2] ~= FORMAT then return nil end
  return {
    base = base, meta = keys[1], epoch = tonumber(m[3]), stamp = tonumber(m[4]), window = tonumber(m[5]),
    persisted = tonumber(m[6]), marking = tonumber(m[7] or nil), boards = {},
    -- Behind a log all that it changes is of one era, whatever the epoch.
    log = m[8], era = tonumber(m[9] or m[3]), applied = tonumber(m[10] or -1), bytes = tonumber(m[11] or 0),
    warming = m[12]
  }
end

-- The next stamp, by the rule of the law; nil when all are used up. Not taken until it is put into S.stamp.
local function next_stamp(S)
  if not S.clock then
    S.clock = math.min(math.max(now_ms() - ORIGIN, 0) * 4096, LAST)
  end
  local stamp = math.max(S.stamp + 1, S.clock)
  if stamp > LAST then return nil end
  return stamp
end

local function season_name(version, board)
  return string.format('%010d', version) .. ':' .. board
end

local function mark_of_row(version, board, player)
  return pack('>c1I4B', 'r', version, #board) .. board .. player
end

-- Of a season that a log opened: each has a mark of its own, so that the store gets them one by one, in their order.
local function mark_of_season(version, board)
  return pack('>c1I4', 'o', version) .. board
end

-- Version, board and player of a mark.
local function parse_mark(mark)
  local version, length, at = unpack_('>I4B', mark, 2)
  return version, sub(mark, at, at + length - 1), sub(mark, at + length)
end

local function parse_board(id, packed)
  local b = { id = id }
  b.op, b.sort, b.sub, b.version, b.created, b.opened, b.era, b.seq, b.index, b.floor = unpack_(BOARD, packed)
  return b
end

local function pack_board(b)
  return pack(BOARD, b.op, b.sort, b.sub, b.version, b.created, b.opened, b.era, b.seq, b.index, b.floor)
end

local function load_board(base, id)
  local packed = call('HGET', base .. 'b', id)
  return packed and parse_board(id, packed)
end

-- A command with a key, perhaps an option, and very many arguments (an even number in each chunk, since they may be pairs).
local function call_many(arguments, name, key, option)
  for from = 1, #arguments, CHUNK do
    local upto = math.min(from + CHUNK - 1, #arguments)
    if option then
      call(name, key, option, unpack(arguments, from, upto))
    else
      call(name, key, unpack(arguments, from, upto))
    end
  end
end

local function least(key)
  local first = call('ZRANGE', key, 0, 0, 'WITHSCORES')
  return first[2] and tonumber(first[2])
end

-- The first sequence that is dirty or in flight.
local function oldest(base)
  local d, f = least(base .. 'd'), least(base .. 'f')
  if d and f then return math.min(d, f) end
  return d or f
end

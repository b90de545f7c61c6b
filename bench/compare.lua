-- The same mutations for hiscore and for the reference, for wrk: `-- SYSTEM SIZE PLAYERS`; a SIZE of 1 is a single mutation.
local head, entry, tail
local systems = {
  reference = {
    single = { '{"query":"mutation($id: ID!, $score: Int!) { saveScore(id: $id, score: $score) { id } }","variables":', '{"id":"p%d","score":%d}', "}" },
    bulk = { '{"query":"mutation($in: [PlayerInput!]!) { saveScores(players: $in) { id } }","variables":{"in":[', '{"id":"p%d","score":%d}', "]}}" },
  },
  hiscore = {
    single = {
      '{"query":"mutation($in: SubmitScoreInput!) { submitScore(input: $in) { ack } }","variables":{"in":',
      '{"leaderboardId":"bench","playerId":"p%d","score":%d}',
      "}}",
    },
    bulk = {
      '{"query":"mutation($in: SubmitScoresInput!) { submitScores(input: $in) { results { ack } } }","variables":{"in":{"leaderboardId":"bench","submissions":[',
      '{"playerId":"p%d","score":%d}',
      "]}}}",
    },
  },
}
local size, players
local bodies, at = {}, 0

local function body()
  local entries = {}
  for n = 1, size do
    entries[n] = entry:format(math.random(0, players - 1), math.random(0, 1000000000))
  end
  return wrk.format(nil, "/graphql", nil, head .. table.concat(entries, ",") .. tail)
end

-- Bulks are made beforehand and sent in turn, so that making them costs the load little.
function init(arguments)
  math.randomseed(1)
  wrk.method = "POST"
  wrk.headers["content-type"] = "application/json"
  size, players = tonumber(arguments[2]), tonumber(arguments[3])
  head, entry, tail = unpack(systems[arguments[1]][size == 1 and "single" or "bulk"])
  for n = 1, size == 1 and 0 or 300 do
    bodies[n] = body()
  end
end

function request()
  if size == 1 then
    return body()
  end
  at = at % #bodies + 1
  return bodies[at]
end

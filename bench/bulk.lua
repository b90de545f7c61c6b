-- submitScores by 100, for wrk: bodies made once, then sent in turn, so that making them costs the load little. To the
-- leaderboard `bench`, or the one that the argument names.
local query = "mutation($in: SubmitScoresInput!) { submitScores(input: $in) { results { ack } } }"
local bodies, at = {}, 0

function init(arguments)
  local board = arguments[1] or "bench"
  math.randomseed(os.time())
  wrk.method = "POST"
  wrk.headers["content-type"] = "application/json"
  for n = 1, 500 do
    local entries = {}
    for i = 1, 100 do
      entries[i] = '{"playerId":"player' .. math.random(0, 999999) .. '","score":' .. math.random(0, 1000000000) .. "}"
    end
    local input = '{"leaderboardId":"' .. board .. '","submissions":[' .. table.concat(entries, ",") .. "]}"
    bodies[n] = wrk.format(nil, "/graphql", nil, '{"query":"' .. query .. '","variables":{"in":' .. input .. "}}")
  end
end

function request()
  at = at % #bodies + 1
  return bodies[at]
end

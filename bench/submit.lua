-- One submitScore a request, for wrk: a random player of a million, a random score, the document always the same.
local query = "mutation($in: SubmitScoreInput!) { submitScore(input: $in) { ack } }"
local head = '{"query":"' .. query .. '","variables":{"in":{"leaderboardId":"bench","playerId":"player'

function init()
  math.randomseed(os.time())
  wrk.method = "POST"
  wrk.headers["content-type"] = "application/json"
end

function request()
  local body = head .. math.random(0, 999999) .. '","score":' .. math.random(0, 1000000000) .. "}}}"
  return wrk.format(nil, "/graphql", nil, body)
end

-- One submitScore a request at an even rate, for wrk: each connection waits between two requests.
local query = "mutation($in: SubmitScoreInput!) { submitScore(input: $in) { ack } }"
local head = '{"query":"' .. query .. '","variables":{"in":{"leaderboardId":"bench","playerId":"player'
local pause = 0

function init(arguments)
  math.randomseed(os.time())
  wrk.method = "POST"
  wrk.headers["content-type"] = "application/json"
  -- Four connections share the rate.
  pause = 4 * 1000 / tonumber(arguments[1])
end

function delay()
  return math.floor(pause * (0.5 + math.random()))
end

function request()
  local body = head .. math.random(0, 999999) .. '","score":' .. math.random(0, 1000000000) .. "}}}"
  return wrk.format(nil, "/graphql", nil, body)
end

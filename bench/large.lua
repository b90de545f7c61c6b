-- One operation a request on a large board, for wrk: `update`, `rank`, `page` (ten rows from any rank on) or `around`
-- (eleven rows), each of a random one of as many players as the second argument says.
local documents = {
  update = "mutation($in: SubmitScoreInput!) { submitScore(input: $in) { ack } }",
  rank = "query($p: ID!) { leaderboard(id: \\\"big\\\") { record(playerId: $p) { rank } } }",
  page = "query($r: Int!) { leaderboard(id: \\\"big\\\") { records(first: 10, fromRank: $r) { nodes { playerId rank score } } } }",
  around = "query($p: ID!) { leaderboard(id: \\\"big\\\") { around(playerId: $p, range: 5) { playerId rank score } } }",
}
local head, what, last

function init(arguments)
  what, last = arguments[1], tonumber(arguments[2]) - 1
  math.randomseed(os.time())
  wrk.method = "POST"
  wrk.headers["content-type"] = "application/json"
  head = '{"query":"' .. documents[what] .. '","variables":'
end

function request()
  local n = math.random(0, last)
  local variables
  if what == "page" then
    variables = '{"r":' .. n + 1 .. "}}"
  elseif what == "update" then
    local score = math.random(0, 1000000000)
    variables = string.format('{"in":{"leaderboardId":"big","playerId":"p%011d","score":%d}}}', n, score)
  else
    variables = string.format('{"p":"p%011d"}}', n)
  end
  return wrk.format(nil, "/graphql", nil, head .. variables)
end

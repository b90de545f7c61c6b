-- Reads, for wrk: `top` (the first ten), `around` (a random player with five on either side) or `rank` (a random player's).
local queries = {
  top = "query { leaderboard(id: \\\"bench\\\") { records(first: 10) { nodes { playerId rank score } } } }",
  around = "query($p: ID!) { leaderboard(id: \\\"bench\\\") { around(playerId: $p, range: 5) { playerId rank score } } }",
  rank = "query($p: ID!) { leaderboard(id: \\\"bench\\\") { record(playerId: $p) { rank } } }",
}
local head, tail

function init(arguments)
  math.randomseed(os.time())
  wrk.method = "POST"
  wrk.headers["content-type"] = "application/json"
  head = '{"query":"' .. queries[arguments[1]] .. '","variables":{"p":"player'
end

function request()
  return wrk.format(nil, "/graphql", nil, head .. math.random(0, 999999) .. '"}}')
end

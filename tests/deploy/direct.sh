# The deployment without a log, to be sourced by run.sh: MongoDB is killed under load, then the Redis primary; then a third
# ingest comes.
# shellcheck shell=bash disable=SC2154 # run.sh sets what is used here

primary() { docker exec "$(container sentinel-1)" sh -c 'REDISCLI_AUTH=$(cat /run/secrets/redis_password) redis-cli -p 26379 sentinel get-master-addr-by-name hiscore' | head -1; }
is_primary() { [ "$(primary)" = "$(address "$1")" ]; }
replicates() { docker exec "$(container redis-1)" sh -c 'REDISCLI_AUTH=$(cat /run/secrets/redis_password) redis-cli info replication' | tr -d '\r' | grep -x 'master_link_status:up'; }
three() { inside curl -sf "http://$(address proxy):8404/metrics" | grep -x 'haproxy_backend_active_servers{proxy="ingest"} 3'; }

play_direct() {
    inside curl -sf "$board/" | grep '<title>' >/dev/null || fail "no page on $board"
    # It stays open once it is accepted, so curl ends by its own limit.
    inside curl -s --max-time 2 -o /dev/null -D "$folder/upgraded" -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
        -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' \
        -H 'Sec-WebSocket-Protocol: graphql-transport-ws' "$board/graphql" || true
    grep -q '^HTTP/1.1 101' "$folder/upgraded" || fail "no WebSocket on $board"

    step "players play; then MongoDB is killed, all of it"
    plays
    local members down
    members="$(container mongodb-1) $(container mongodb-2) $(container mongodb-3)"
    # shellcheck disable=SC2086 # one word a container
    docker kill $members >/dev/null
    down=$SECONDS
    eventually 90 "what changed waits for MongoDB" waits
    more "players do not notice that MongoDB is away"
    # shellcheck disable=SC2086
    docker start $members >/dev/null
    step "MongoDB is back after $((SECONDS - down)) s"
    eventually 90 "the funnel catches up" caught_up

    step "the Redis primary is killed"
    is_primary redis-1 || fail "redis-1 should be primary, and $(primary) is"
    docker kill "$(container redis-1)" >/dev/null
    eventually 60 "the Sentinels make redis-2 primary" is_primary redis-2
    docker start "$(container redis-1)" >/dev/null
    eventually 60 "redis-1 replicates redis-2" replicates

    step "a third ingest"
    quietly "$deploy" compose up -d --no-recreate --scale ingest=3 ingest
    eventually 60 "the proxy finds it" three

    step "the game ends"
    ends

    step "the funnel drains; MongoDB and the score board tell the same"
    tell_the_same
    down_and_up
    is_primary redis-2 || fail "redis-2 was primary and is not any more"
}

#!/usr/bin/env bash
# Brings the deployment up for real, in a Docker of its own, and plays on it while MongoDB and then the Redis primary die.
# Every submission is checked by the simulator, MongoDB's documents against the score board, and every query of
# the dashboard against Prometheus. Nothing is left afterwards.
#
#   HISCORE_BIN=FILE   the binary; target/release/hiscore or target/debug/hiscore otherwise
#   KEEP=1             leaves it running until Enter is pressed
set -euo pipefail
cd "$(dirname "$0")/../.."
here=$PWD/tests/deploy
begun=$SECONDS
# Debian's client fits its dockerd, and builds with BuildKit without a plugin.
export PATH=/usr/bin:$PATH
# shellcheck source=tests/deploy/engine.sh
. "$here/engine.sh"

step() { echo "-- $1 (after $((SECONDS - begun)) s)"; }
skip() { printf '\nSKIPPED: the deployment was NOT tested, since %s\n\n' "$1" >&2; exit 0; }
fail() { echo "FAILED: $*" >&2; exit 1; }

bin=${HISCORE_BIN:-}
for candidate in target/release/hiscore target/debug/hiscore; do
    [ -n "$bin" ] || [ ! -x $candidate ] || bin=$PWD/$candidate
done
[ -n "$bin" ] || fail "there is no binary: make release, or give HISCORE_BIN"

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && [ -n "$(engine_lacks)" ]; then
    echo "installing docker.io, docker-compose and debootstrap"
    apt-get install -y -qq docker.io docker-compose debootstrap iproute2 >/dev/null 2>&1 \
        || { apt-get update -qq && apt-get install -y -qq docker.io docker-compose debootstrap iproute2 >/dev/null 2>&1; } || true
fi
lacking=$(engine_lacks)
[ -z "$lacking" ] || skip "$lacking"
"$here/stand-ins.sh" rootfs

folder=$(mktemp -d)
# What a person wants to see of a failure, before it is gone.
tell_why() {
    local name
    [ ! -s "$folder/played" ] || { echo "-- the simulator said:"; cat "$folder/played"; }
    docker ps --all --format '{{.Names}}: {{.Status}}' || true
    for name in $(docker ps --all --format '{{.Names}}' | grep -E 'ingest|persist|scoreboard|proxy|init' || true); do
        echo "-- the last of $name:"
        docker logs --tail 8 "$name" 2>&1 | cut -c1-400
    done
    echo "-- the last of dockerd:"
    tail -3 "$folder/docker/log"
}
clean() {
    local code=$?
    trap - EXIT
    [ -z "${player:-}" ] || kill -KILL "$player" 2>/dev/null || true
    [ $code = 0 ] || tell_why >&2
    engine_stop
    rm -rf "$folder"
    exit $code
}
trap clean EXIT
trap 'exit 130' INT TERM

# Waits for a condition; says which one did not come. A condition reads what it is piped to the end: `grep -q` would not,
# and whoever writes into it would fail.
eventually() {
    local seconds=$1 what=$2 end
    shift 2
    end=$((SECONDS + seconds))
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || fail "$what: not within $seconds s"
        sleep 0.3
    done
}

step "a Docker in namespaces of its own, and stand-ins for the public images"
engine_start "$folder/docker" || skip "dockerd does not start here"
"$here/stand-ins.sh" images

# A copy, so that the secrets of a deployment of the user's own are not used.
mkdir "$folder/hiscore"
cp -r deploy scripts "$folder/hiscore/"
rm -rf "$folder/hiscore/deploy/secrets"
deploy=$folder/hiscore/scripts/deploy.sh
strip --strip-debug -o "$folder/binary" "$bin"
export HISCORE_BINARY=$folder/binary COMPOSE_PROJECT_NAME=hiscore DEPLOY_TIMEOUT=150

container() { docker ps --all --quiet --filter label=com.docker.compose.project=hiscore --filter "label=com.docker.compose.service=$1"; }
address() { docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}' "$(container "$1" | head -1)" | cut -d' ' -f1; }
checks() { inside python3 "$here/checks.py" "$@"; }
persisted_of() { checks gauge "http://$(address persist):8080" "$1"; }
mongosh_eval() { # on whichever member is primary
    docker exec --env HOME=/tmp "$(container mongodb-2)" mongosh --quiet --norc \
        "$(cat "$folder/hiscore/deploy/secrets/mongodb_url")" --eval "$1"
}

step "make deploy"
quietly() { "$@" >"$folder/said" 2>&1 || { cat "$folder/said" >&2; fail "$*"; }; }
quietly "$deploy" up
# shellcheck disable=SC2046 # one word a container
docker inspect $(docker ps --all --quiet) | python3 "$here/checks.py" confined

# Nobody pulls Grafana or an exporter for MongoDB here.
MONITORING=1 quietly "$deploy" compose up -d prometheus redis-exporter

board=http://127.0.0.1:8080 ingest=http://127.0.0.1:8081
inside curl -sf $board/ | grep '<title>' >/dev/null || fail "no page on $board"
# It stays open once it is accepted, so curl ends by its own limit.
inside curl -s --max-time 2 -o /dev/null -D "$folder/upgraded" -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
    -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' \
    -H 'Sec-WebSocket-Protocol: graphql-transport-ws' $board/graphql || true
grep -q '^HTTP/1.1 101' "$folder/upgraded" || fail "no WebSocket on $board"

step "players play; then MongoDB is killed, all of it"
inside_exec "$bin" simulate --url $ingest --leaderboard played --operator increment --players 500 --interval 2s \
    --patience 60s --exclusive --quiet >"$folder/played" 2>&1 &
player=$!
acknowledged() { checks gauge "http://$(address ingest):8080" hiscore_submissions_total; }
several() { [ "$(acknowledged | cut -d. -f1)" -ge "$1" ]; }
eventually 60 "submissions arrive" several 2000
members="$(container mongodb-1) $(container mongodb-2) $(container mongodb-3)"
# shellcheck disable=SC2086 # one word a container
docker kill $members >/dev/null
down=$SECONDS
before=$(acknowledged | cut -d. -f1)
more_dirty() { [ "$(persisted_of hiscore_funnel_oldest_dirty_age_seconds | cut -d. -f1)" -ge 12 ]; }
eventually 90 "what changed waits for MongoDB" more_dirty
eventually 30 "players do not notice that MongoDB is away" several $((before + 1000))
# shellcheck disable=SC2086
docker start $members >/dev/null
step "MongoDB is back after $((SECONDS - down)) s"
caught_up() { [ "$(persisted_of hiscore_funnel_oldest_dirty_age_seconds | cut -d. -f1)" -lt 5 ]; }
eventually 90 "the funnel catches up" caught_up

step "the Redis primary is killed"
primary() { docker exec "$(container sentinel-1)" sh -c 'REDISCLI_AUTH=$(cat /run/secrets/redis_password) redis-cli -p 26379 sentinel get-master-addr-by-name hiscore' | head -1; }
is_primary() { [ "$(primary)" = "$(address "$1")" ]; }
is_primary redis-1 || fail "redis-1 should be primary, and $(primary) is"
docker kill "$(container redis-1)" >/dev/null
eventually 60 "the Sentinels make redis-2 primary" is_primary redis-2
docker start "$(container redis-1)" >/dev/null
replicates() { docker exec "$(container redis-1)" sh -c 'REDISCLI_AUTH=$(cat /run/secrets/redis_password) redis-cli info replication' | tr -d '\r' | grep -x 'master_link_status:up'; }
eventually 60 "redis-1 replicates redis-2" replicates

step "a third ingest"
quietly "$deploy" compose up -d --no-recreate --scale ingest=3 ingest
three() { inside curl -sf "http://$(address proxy):8404/metrics" | grep -x 'haproxy_backend_active_servers{proxy="ingest"} 3'; }
eventually 60 "the proxy finds it" three

step "the game ends"
kill -TERM "$player"
wait "$player" || fail "the simulator is not content"
player=
cat "$folder/played"

step "the dashboard"
checks dashboard deploy/monitoring/grafana "http://$(address prometheus):9090"

step "the funnel drains; MongoDB and the score board tell the same"
drained() { [ "$(persisted_of hiscore_funnel_dirty_records)" = 0.0 ]; }
eventually 60 "the funnel drains" drained
same() {
    checks records $board played >"$folder/shown"
    mongosh_eval 'db.records.find({leaderboardId: "played"}).forEach((r) => print(r.playerId, String(r.score)))' \
        | sort >"$folder/stored"
    cmp "$folder/shown" "$folder/stored"
}
LC_ALL=C eventually 20 "documents equal records" same
[ "$(wc -l <"$folder/stored")" = 500 ] || fail "500 players played, $(wc -l <"$folder/stored") are stored"
echo "500 documents, equal to the score board's records"

step "down and up again, the data kept"
quietly "$deploy" down
unnamed=$(docker volume ls --quiet | grep -v '^hiscore_' || true)
[ -z "$unnamed" ] || fail "volumes without a name are left behind: $unnamed"
quietly "$deploy" up
is_primary redis-2 || fail "redis-2 was primary and is not any more"
cp "$folder/shown" "$folder/before"
LC_ALL=C eventually 30 "the same records as before" same
cmp "$folder/before" "$folder/shown" || fail "records changed over a restart"

[ -z "${KEEP:-}" ] || { echo "DOCKER_HOST=$DOCKER_HOST; nsenter --net --target $(pgrep --parent "$engine_holder" | head -1); Enter ends it"; read -r _; }
quietly "$deploy" down --volumes
[ -z "$(docker ps --all --quiet)$(docker volume ls --quiet --filter label=com.docker.compose.project=hiscore)" ] || fail "something is left"
step "all of it holds"

#!/usr/bin/env bash
# Brings the deployment up for real, in a Docker of its own, and plays on it while parts of it die: without a log MongoDB and
# the Redis primary (direct.sh), behind one a broker and MongoDB (logged.sh). Every submission is checked by the simulator,
# MongoDB's documents against the score board, and every query of the dashboard against Prometheus. Nothing is left afterwards.
# Usage: run.sh [direct | kafka | rabbitmq]...     (direct and kafka unless something else is said)
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
# shellcheck source=tests/deploy/direct.sh
. "$here/direct.sh"
# shellcheck source=tests/deploy/logged.sh
. "$here/logged.sh"

step() { echo "-- $1 (after $((SECONDS - begun)) s)"; }
skip() { printf '\nSKIPPED: the deployment was NOT tested, since %s\n\n' "$1" >&2; exit 0; }
fail() { echo "FAILED: $*" >&2; exit 1; }

bin=${HISCORE_BIN:-}
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
for candidate in "$target"/release/hiscore "$target"/debug/hiscore; do
    [ -n "$bin" ] || [ ! -x "$candidate" ] || bin=$candidate
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
    for name in $(docker ps --all --format '{{.Names}}' | grep -E 'ingest|apply|persist|scoreboard|proxy|init|kafka|rabbitmq' || true); do
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

quietly() { "$@" >"$folder/said" 2>&1 || { cat "$folder/said" >&2; fail "$*"; }; }

board=http://127.0.0.1:8080 ingest=http://127.0.0.1:8081
acknowledged() { checks gauge "http://$(address ingest):8080" hiscore_submissions_total trouble; }
several() { [ "$(acknowledged | cut -d. -f1)" -ge "$1" ]; }
more() { eventually 60 "$1" several $(($(acknowledged | cut -d. -f1) + 1000)); }
waits() { [ "$(persisted_of hiscore_funnel_oldest_dirty_age_seconds | cut -d. -f1)" -ge 12 ]; }
caught_up() { [ "$(persisted_of hiscore_funnel_oldest_dirty_age_seconds | cut -d. -f1)" -lt 5 ]; }
drained() { [ "$(persisted_of hiscore_funnel_dirty_records)" = 0.0 ]; }
is_healthy() { [ "$(docker inspect --format '{{.State.Health.Status}}' "$(container "$1")")" = healthy ]; }

# 500 players, in the background, until `ends`. Enough requests at once that they keep to their interval where a busy machine
# takes 100 ms for an append.
plays() {
    inside_exec "$bin" simulate --url $ingest --leaderboard played --operator increment --players 500 --interval 2s \
        --connections 100 --patience 60s --exclusive --quiet >"$folder/played" 2>&1 &
    player=$!
    eventually 60 "submissions arrive" several 2000
}
ends() {
    kill -TERM "$player"
    wait "$player" || fail "the simulator is not content"
    player=
    cat "$folder/played"
}

same() {
    checks records $board played >"$folder/shown"
    mongosh_eval 'db.records.find({leaderboardId: "played"}).forEach((r) => print(r.playerId, String(r.score)))' \
        | sort >"$folder/stored"
    cmp "$folder/shown" "$folder/stored"
}
tell_the_same() {
    eventually 60 "the funnel drains" drained
    LC_ALL=C eventually 20 "documents equal records" same
    [ "$(wc -l <"$folder/stored")" = 500 ] || fail "500 players played, $(wc -l <"$folder/stored") are stored"
    echo "500 documents, equal to the score board's records"
}
are_confined() {
    # shellcheck disable=SC2046 # one word a container
    docker inspect $(docker ps --all --quiet) | python3 "$here/checks.py" confined
}
down_and_up() {
    step "down and up again, the data kept"
    quietly "$deploy" down
    local unnamed
    unnamed=$(docker volume ls --quiet | grep -v '^hiscore_' || true)
    [ -z "$unnamed" ] || fail "volumes without a name are left behind: $unnamed"
    quietly "$deploy" up
    cp "$folder/shown" "$folder/before"
    LC_ALL=C eventually 30 "the same records as before" same
    cmp "$folder/before" "$folder/shown" || fail "records changed over a restart"
}

[ $# -gt 0 ] || set -- direct kafka
for profile; do
    step "make deploy PROFILE=$profile"
    PROFILE=$profile quietly "$deploy" up
    are_confined
    case $profile in
        direct) play_direct ;;
        *) play_logged "$profile" ;;
    esac
    [ -z "${KEEP:-}" ] || { echo "DOCKER_HOST=$DOCKER_HOST; nsenter --net --target $(pgrep --parent "$engine_holder" | head -1); Enter ends it"; read -r _; }
    quietly "$deploy" down --volumes
    [ -z "$(docker ps --all --quiet)$(docker volume ls --quiet --filter label=com.docker.compose.project=hiscore)" ] || fail "something is left"
done
step "all of it holds"

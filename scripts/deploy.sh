#!/usr/bin/env bash
# Brings hiscore up as separate services in Docker, and down again.
# Usage: deploy.sh up [argument of `compose up`...] | down [--volumes] | logs [service...] | compose argument...
#
#   PROFILE=kafka          a log in front, in Kafka or (rabbitmq) in RabbitMQ; from then on this deployment has it
#   MONITORING=1           Prometheus and Grafana too
#   HISCORE_BINARY=FILE    a binary that is built already, instead of building it in Docker
#   DEPLOY_TIMEOUT=300     seconds until everything must be healthy
set -euo pipefail
cd "$(dirname "$0")/.."
export COMPOSE_PROJECT_NAME=${COMPOSE_PROJECT_NAME:-hiscore}
secrets=deploy/secrets
profiles=(direct kafka rabbitmq)

fail() { echo "$*" >&2; exit 1; }

need_docker() {
    command -v docker >/dev/null 2>&1 \
        || fail "Docker is missing: install Docker Engine with Compose (on Debian, as root: apt-get install docker.io docker-compose)"
    docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null 2>&1 \
        || fail "Docker is here but Compose is not: install the plugin docker-compose-plugin, or docker-compose 1.29"
    local why
    why=$(docker version --format ok 2>&1 >/dev/null) \
        || fail "Docker does not answer. Start it, or see that you may use it: ${why##*$'\n'}"
}

# What this deployment was first started with goes on: what was acknowledged may be in its log alone.
choose_profile() {
    local before=direct
    [ ! -f "$secrets/profile" ] || before=$(cat "$secrets/profile")
    chosen=${PROFILE:-$before}
    [[ " ${profiles[*]} " == *" $chosen "* ]] || fail "PROFILE is one of ${profiles[*]}, not $chosen"
    [ "$before" = direct ] || [ "$chosen" = "$before" ] \
        || fail "this deployment has its log in $before and goes on with it. Another one begins empty: make undeploy VOLUMES=1"
}

# All that there may be, so that nothing is left when it is taken down, and nobody has to say what is running.
every_profile() { chosen=all MONITORING=1; }

compose() {
    local tool=(docker compose) profile
    docker compose version >/dev/null 2>&1 || tool=(docker-compose)
    [ -z "${MONITORING:-}" ] || tool+=(--profile monitoring)
    tool+=(-f deploy/compose.yaml)
    for profile in kafka rabbitmq; do
        if [ "$chosen" = "$profile" ] || [ "$chosen" = all ]; then
            tool+=(-f "deploy/$profile.yaml" --profile "$profile")
        fi
    done
    "${tool[@]}" "$@"
}

build() {
    local context=. stage=builder empty
    if [ -n "${HISCORE_BINARY:-}" ]; then
        empty=$(mktemp -d)
        # shellcheck disable=SC2064
        trap "rm -rf '$empty'" EXIT
        cp "$HISCORE_BINARY" "$empty/hiscore"
        context=$empty stage=given
    fi
    DOCKER_BUILDKIT=1 docker build --tag "hiscore:${HISCORE_TAG:-latest}" --file deploy/Dockerfile \
        --target runtime --build-arg "BINARY=$stage" "$context"
}

# One line a container: name, state, health or exit code.
states() {
    docker ps --all --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" --format '{{.Names}}' | sort \
        | xargs -r docker inspect --format \
            '{{.Name}} {{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.ExitCode}}{{end}}'
}

# Lines of those that are not as they should be.
unwell() { states | grep -vE ' running (healthy|0)$| exited 0$' || true; }

tell() {
    local name state
    echo "$1:" >&2
    unwell | while read -r name state; do
        echo "== ${name#/}: $state" >&2
        docker logs --tail 20 "${name#/}" >&2 2>&1 || true
    done
    exit 1
}

wait_until_healthy() {
    local end=$((SECONDS + ${DEPLOY_TIMEOUT:-300}))
    while [ -n "$(unwell)" ]; do
        [ $SECONDS -lt $end ] || tell "not healthy after ${DEPLOY_TIMEOUT:-300} s"
        sleep 1
    done
}

up() {
    need_docker
    choose_profile
    scripts/deploy-secrets.sh "$secrets"
    echo "$chosen" >"$secrets/profile"
    build
    compose up -d --remove-orphans "$@" || tell "it did not come up"
    wait_until_healthy
    cat <<EOF

  score board, queries, subscriptions  http://127.0.0.1:${HISCORE_SCOREBOARD_PORT:-8080}/
  submissions                          http://127.0.0.1:${HISCORE_INGEST_PORT:-8081}/graphql
EOF
    if [ -n "${MONITORING:-}" ]; then
        echo "  Grafana (admin, $secrets/grafana_password)  http://127.0.0.1:${HISCORE_GRAFANA_PORT:-3000}/"
    else
        echo "  with Prometheus and Grafana: make deploy MONITORING=1"
    fi
    echo "  20 players: target/release/hiscore simulate --url http://127.0.0.1:${HISCORE_INGEST_PORT:-8081}"
}

case "${1:-up}" in
    up) shift || true; up "$@" ;;
    down) shift; need_docker; every_profile; compose down --remove-orphans "$@"
        if [[ " $* " == *" --volumes "* ]]; then
            rm -f "$secrets/profile"
        else
            echo "The data is kept; with the data: make undeploy VOLUMES=1"
        fi ;;
    logs) shift; need_docker; every_profile; compose logs --tail 100 -f "$@" ;;
    compose) shift; need_docker; choose_profile; compose "$@" ;;
    *) sed -n '3,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

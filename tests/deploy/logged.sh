# The deployment behind a log, to be sourced by run.sh: a broker is killed under load, then MongoDB as well; both come back.
# shellcheck shell=bash disable=SC2154 # run.sh sets what is used here

# What the appliers know, all of them together.
applied_of() {
    local address
    for address in $(container apply | xargs docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'); do
        checks gauge "http://$address:8080" "$1"
    done | awk '{ sum += $1 } END { print sum }'
}
appended() { checks gauge "http://$(address ingest):8080" hiscore_log_appended_total; }
not_behind() { [ "$(applied_of hiscore_apply_lag_entries)" = 0 ]; }

# The first broker, since with RabbitMQ 3.10 it leads every shard.
play_logged() {
    local broker=$1-1 members down
    # Nobody pulls Grafana or an exporter for MongoDB here.
    MONITORING=1 quietly "$deploy" compose up -d prometheus redis-exporter

    step "players play; then a broker is killed"
    plays
    [ "$(appended | cut -d. -f1)" -ge 2000 ] || fail "$(appended) submissions went through the log, of 2000 at least"
    docker kill "$(container "$broker")" >/dev/null
    more "players do not notice that $broker is away"

    step "MongoDB is killed too, all of it"
    members="$(container mongodb-1) $(container mongodb-2) $(container mongodb-3)"
    # shellcheck disable=SC2086 # one word a container
    docker kill $members >/dev/null
    down=$SECONDS
    eventually 90 "what changed waits for MongoDB" waits
    more "players do not notice that MongoDB is away"
    # shellcheck disable=SC2086
    docker start $members "$(container "$broker")" >/dev/null
    step "both are back after $((SECONDS - down)) s without MongoDB"
    eventually 90 "the funnel catches up" caught_up
    eventually 90 "$broker serves again" is_healthy "$broker"

    step "the dashboard"
    checks dashboard deploy/monitoring/grafana "http://$(address prometheus):9090"

    step "the game ends"
    ends

    step "the log is applied, the funnel drains; MongoDB and the score board tell the same"
    eventually 60 "all of the log is applied" not_behind
    [ "$(applied_of hiscore_apply_stopped)" = 0 ] || fail "a shard of the log is stopped"
    tell_the_same
    down_and_up
}

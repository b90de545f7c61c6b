#!/usr/bin/env bash
# Starts the server and the simulator on it; Ctrl-C ends both in order.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${CARGO_TARGET_DIR:-target}/release/hiscore
listen=${LISTEN:-127.0.0.1:8080}
data=${DATA:-data}

# Both run in sessions of their own, so that Ctrl-C reaches them in order, through stop() alone.
setsid "$bin" serve --listen "$listen" --data-dir "$data" --auto-create &
server=$!
players=
stop() {
    trap - INT TERM EXIT
    # The simulator first, so that what it checks at the end can still be read.
    [ -z "$players" ] || { kill -INT "$players" 2>/dev/null; wait "$players" || true; }
    kill -TERM "$server" 2>/dev/null || true
    wait "$server"
}
trap stop INT TERM EXIT

until curl -sf "http://$listen/readyz" >/dev/null 2>&1; do
    kill -0 "$server" 2>/dev/null || { trap - EXIT; wait "$server"; exit 1; }
    read -r -t 0.2 <> <(:) || true
done
echo
echo "  20 players are playing. Watch them:  http://$listen/?board=demo"
echo "  Ctrl-C stops everything; the scores stay in $data/"
echo
setsid "$bin" simulate --url "http://$listen" --leaderboard demo &
players=$!
wait "$players" || true

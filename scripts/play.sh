#!/usr/bin/env bash
# Starts a server of its own, plays on it single and in bulk, and lets the simulator check every submission.
set -euo pipefail
bin=${HISCORE_BIN:-${CARGO_TARGET_DIR:-target}/debug/hiscore}
folder=$(mktemp -d)
"$bin" serve --listen 127.0.0.1:0 --data-dir "$folder/data" >"$folder/out" 2>"$folder/err" &
server=$!
trap 'kill -9 $server 2>/dev/null || true; rm -rf "$folder"' EXIT
until url=$(grep -oE 'http://[0-9.:]+' "$folder/out" | head -1) && curl -sf "$url/readyz" >/dev/null; do
    kill -0 $server || { cat "$folder/err"; exit 1; }
    read -r -t 0.1 <> <(:) || true
done
for operator in best set increment; do
    "$bin" simulate --url "$url" --leaderboard "$operator" --operator "$operator" --duration 3s --exclusive
done
"$bin" simulate --url "$url" --leaderboard bulk --operator increment --players 2000 --bulk 100 --duration 3s --exclusive
kill -TERM $server
wait $server

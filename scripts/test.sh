#!/usr/bin/env bash
# Everything that must hold, in phases that name themselves. The first that fails ends it.
set -euo pipefail
cd "$(dirname "$0")/.."
begun=$SECONDS

phase() {
    echo
    echo "== $1 (after $((SECONDS - begun)) s)"
}

phase "tools"
scripts/tools.sh test
cargo --version; node --version; chromium --version 2>/dev/null || true

phase "tidy: house rules that a machine can check"
scripts/tidy.sh

phase "page: install, lint, unit tests, build"
(cd web && npm ci --no-audit --no-fund && npm run lint && npm test && npm run build)

phase "format"
cargo fmt --all --check

phase "dependencies: bans, licences, sources"
cargo deny --locked check bans licenses sources

phase "lint"
cargo clippy --workspace --all-targets --locked -- -D warnings

phase "build"
cargo build --workspace --all-targets --locked

phase "unit, property, conformance and fault tests"
export HISCORE_REQUIRE_SERVERS=1 # a test that finds no server fails, instead of being skipped
cargo test --workspace --locked

HISCORE_BIN=$(realpath "${CARGO_TARGET_DIR:-target}")/debug/hiscore
export HISCORE_BIN

phase "API: audits, WebSocket protocol, introspection"
(cd tests/api && npm ci --no-audit --no-fund && npm test)

phase "browser: the page in Chromium"
(cd web && npm run e2e)

phase "simulator: play, then account for every acknowledged submission"
scripts/play.sh

phase "chaos: each profile is broken by a few fixed seeds under load, every answer checked"
# This machine may do other things as well, and the build is not the one that ships: five times the bounds.
chaos() { cargo run --quiet --locked -p hiscore-chaos -- --factor 5 "$@"; }
chaos --profile embedded --seed 1 --seeds 2 --seconds 20
chaos --profile direct --seed 32 --seconds 25
chaos --profile logged --seed 5 --seconds 25

phase "deployment: everything in Docker, without a log and behind Kafka, its parts killed under load"
tests/deploy/run.sh

echo
echo "All of it holds, in $((SECONDS - begun)) s."

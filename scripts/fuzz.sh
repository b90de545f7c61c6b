#!/usr/bin/env bash
# Looks for bytes that do harm: every target of fuzz/ in turn, MINUTES each (default 10), or the one that TARGET names.
# What is new goes to fuzz/found, what did harm to fuzz/artifacts; the corpus is left as it is. Ends with 1 if anything was
# found.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/tools.sh fuzz

minutes=${MINUTES:-10}
targets=${TARGET:-$(cd fuzz/fuzz_targets && basename -s .rs -- *)}
bad=0
table=$(printf '%-10s %12s %10s %8s  %s' target executions a\ second inputs result)

# Without a sanitizer there is nothing that needs a nightly compiler, and twice as much is tried: no code of ours is unsafe.
cargo fuzz build --sanitizer none

for target in $targets; do
    mkdir -p "fuzz/found/$target"
    log=fuzz/found/$target.log
    result=nothing
    cargo fuzz run --sanitizer none "$target" "fuzz/found/$target" "fuzz/corpus/$target" -- \
        -max_total_time="$(awk "BEGIN { print int($minutes * 60) }")" -max_len=16384 -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 >"$log" 2>&1 || { result="FOUND, see fuzz/found/$target.log and fuzz/artifacts/$target"; bad=1; }
    stat() { sed -n "s/^stat::$1: *//p" "$log"; }
    row=$(printf '%-10s %12s %10s %8s  %s' "$target" "$(stat number_of_executed_units)" \
        "$(stat average_exec_per_sec)" "$(find "fuzz/found/$target" -type f | wc -l)" "$result")
    echo "$row"
    table+=$'\n'$row
done

echo
echo "$table"
exit $bad

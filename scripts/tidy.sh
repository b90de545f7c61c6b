#!/usr/bin/env bash
# House rules that a machine can check. Each finding is a line that says what to do.
set -euo pipefail
cd "$(dirname "$0")/.."
found=0

complain() {
    found=1
    echo "$1" >&2
}

files() { git ls-files "$@" 2>/dev/null || find . -name "$1"; }

while IFS= read -r file; do
    head -1 "$file" | grep -qE '^//!' || complain "$file: begin with //! and say what the file is about"
    lines=$(wc -l <"$file")
    [ "$lines" -le 500 ] || complain "$file: $lines lines; a file is about one thing, split it"
done < <(files 'crates/*.rs')

while IFS= read -r lock; do
    ! grep -qE '"resolved"|registry\.' "$lock" || complain "$lock: names a registry's host; write it again with omit-lockfile-registry-resolved"
done < <(files '*package-lock.json')

# With it on anywhere, serde_json reads a key of its own in a player's metadata as something else than it is.
! grep -n 'raw_value' Cargo.toml crates/*/Cargo.toml | grep -v '#' || complain "serde_json's raw_value is on: leave it off, it changes what metadata means"

[ $found = 0 ] && echo "tidy"
exit $found

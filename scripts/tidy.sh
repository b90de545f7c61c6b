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

[ $found = 0 ] && echo "tidy"
exit $found

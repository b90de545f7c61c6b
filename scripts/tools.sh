#!/usr/bin/env bash
# Looks for what a task needs, installs it where it can (Debian, as root), and else says what is missing.
# Usage: tools.sh build|test|bench|deny|fuzz
set -euo pipefail

missing=()

have() { command -v "$1" >/dev/null 2>&1; }

# package(s) that bring a command, by Debian's names
from_debian() {
    local command=$1; shift
    have "$command" && return
    if have apt-get && [ "$(id -u)" = 0 ]; then
        echo "installing $*"
        apt-get install -y -qq "$@" >/dev/null 2>&1 \
            || { apt-get update -qq && apt-get install -y -qq "$@" >/dev/null; }
    else
        missing+=("$command (on Debian: apt-get install $*)")
    fi
}

by_hand() {
    have "$1" || missing+=("$1: $2")
}

build() {
    by_hand cargo "Rust 1.95 or newer, see rustup's own page"
    by_hand node "Node.js 20.19 or newer"
    by_hand npm "comes with Node.js"
    from_debian cc gcc libc6-dev
    if have node && ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; then
        missing+=("node 20.19 or newer, this is $(node --version)")
    fi
}

deny() {
    build
    # Not from Debian: it has none. Unoptimised, which builds in half the time and is fast enough.
    if have cargo && ! cargo deny --version >/dev/null 2>&1; then
        echo "installing cargo-deny"
        cargo install cargo-deny --version '^0.20' --locked --debug --quiet
    fi
}

fuzz() {
    build
    from_debian c++ g++
    # Not from Debian either; unoptimised, since it only starts what is fast.
    if have cargo && ! cargo fuzz --version >/dev/null 2>&1; then
        echo "installing cargo-fuzz"
        cargo install cargo-fuzz --version '^0.13' --locked --debug --quiet
    fi
}

# real servers, which the tests start for themselves
servers() {
    "$(dirname "$0")/servers.sh" all || missing+=("the servers named above")
}

case "${1:-build}" in
    build) build ;;
    deny) deny ;;
    fuzz) fuzz ;;
    test) deny; from_debian chromium chromium; from_debian curl curl; servers ;;
    bench) build; from_debian redis-server redis-server; from_debian wrk wrk; by_hand python3 "Python 3.9 or newer" ;;
    *) echo "usage: $0 build|test|bench|deny|fuzz" >&2; exit 2 ;;
esac

if [ ${#missing[@]} -gt 0 ]; then
    echo "hiscore needs, and this machine does not have:" >&2
    printf '  - %s\n' "${missing[@]}" >&2
    exit 1
fi

#!/usr/bin/env bash
# Builds web/dist, unless it is there and nothing that it is made of is newer.
set -euo pipefail
cd "$(dirname "$0")/../web"

newer=$(find . ../schema.graphql -path ./node_modules -prune -o -path ./dist -prune -o -type f -newer dist/index.html -print -quit 2>/dev/null || echo none)
if [ -f dist/index.html ] && [ -z "$newer" ]; then
    exit 0
fi
if [ ! -d node_modules ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    npm ci --no-audit --no-fund
fi
npm run build

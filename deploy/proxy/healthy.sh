#!/bin/bash
# The image has neither curl nor wget.
set -euo pipefail
exec 3<>/dev/tcp/127.0.0.1/8404
printf 'GET /healthz HTTP/1.0\r\n\r\n' >&3
timeout 2 head -1 <&3 | grep -q ' 200 '

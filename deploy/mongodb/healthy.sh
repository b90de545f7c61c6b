#!/bin/bash
# Sends `hello` and waits for the answer. By hand, since starting the shell of MongoDB takes a second of a core, and
# this runs every few seconds. 52 bytes of OP_MSG: {hello: 1, $db: "admin"}; an answer has a head of 16 bytes.
set -euo pipefail
exec 3<>/dev/tcp/127.0.0.1/27017
printf '\x34\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\x1f\0\0\0\x10hello\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0' >&3
[ "$(timeout 3 head -c 16 <&3 | wc -c)" = 16 ]

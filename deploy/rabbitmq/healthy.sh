#!/bin/bash
# Whether it takes connections, which it does once it is in the cluster. By hand, since starting a tool of RabbitMQ takes seconds
# of a core: whoever says AMQP 0-9-1 is answered with a frame of method (1) on channel 0.
set -euo pipefail
exec 3<>/dev/tcp/127.0.0.1/5672
printf 'AMQP\0\0\x09\x01' >&3
[ "$(dd bs=1 count=3 2>/dev/null <&3 | od -An -tx1 | tr -d ' \n')" = 010000 ]

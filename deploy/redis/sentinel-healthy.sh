#!/bin/sh
# Not only that it answers: that a majority could agree on a failover.
set -eu
REDISCLI_AUTH=$(cat /run/secrets/redis_password)
export REDISCLI_AUTH
redis-cli -e -p 26379 sentinel ckquorum hiscore | grep -q '^OK'

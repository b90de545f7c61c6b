#!/bin/sh
# Answers, is not loading, and a replica has its primary.
set -eu
REDISCLI_AUTH=$(cat /run/secrets/redis_password)
export REDISCLI_AUTH
redis-cli -e ping >/dev/null
redis-cli info replication | tr -d '\r' | grep -qxE 'role:master|master_link_status:up'

#!/bin/sh
# Starts one Sentinel. What it learns it writes into its configuration, which is therefore kept.
set -eu
password=$(cat /run/secrets/redis_password)
config=/data/sentinel.conf
umask 077
if [ -f "$config" ]; then
    # Sentinel quotes what it writes; a password may have been changed.
    sed -i -E "s/^(requirepass|sentinel sentinel-pass|sentinel auth-pass hiscore) .*/\\1 $password/" "$config"
else
    cat >"$config.new" <<EOF
port 26379
dir /data
requirepass $password
sentinel sentinel-pass $password
sentinel monitor hiscore $REDIS_FIRST 6379 2
sentinel auth-pass hiscore $password
sentinel down-after-milliseconds hiscore 5000
sentinel failover-timeout hiscore 30000
sentinel parallel-syncs hiscore 1
EOF
    mv "$config.new" "$config"
fi
exec redis-server "$config" --sentinel

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
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel announce-ip $(hostname)
sentinel monitor hiscore redis-1 6379 2
sentinel auth-pass hiscore $password
sentinel down-after-milliseconds hiscore 5000
sentinel failover-timeout hiscore 30000
sentinel parallel-syncs hiscore 1
EOF
    mv "$config.new" "$config"
fi
exec redis-server "$config" --sentinel

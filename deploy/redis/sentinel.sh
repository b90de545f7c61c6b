#!/bin/sh
# Starts one Sentinel. What it learns it writes into its configuration, which is therefore kept.
set -eu
password=$(cat /run/secrets/redis_password)
config=/data/sentinel.conf
umask 077
if [ -f "$config" ]; then
    sed -i "s/^sentinel auth-pass hiscore .*/sentinel auth-pass hiscore $password/" "$config"
else
    cat >"$config.new" <<EOF
port 26379
dir /data
# No password of its own: it is reached from the network of the tiers alone, and holds no data.
protected-mode no
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

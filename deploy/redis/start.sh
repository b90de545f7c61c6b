#!/bin/sh
# Starts one Redis as what it should be: primary or replica.
set -eu
me=$(hostname -i)
password=$(cat /run/secrets/redis_password)
export REDISCLI_AUTH="$password"
config=/data/redis.conf

# Who is primary: the Sentinels know. If none answers (everything starts at once), what this server was when it
# stopped: Sentinel writes it into the configuration. On the very first start it is $REDIS_FIRST.
primary=
for sentinel in sentinel-1 sentinel-2 sentinel-3; do
    primary=$(timeout 2 redis-cli -e -h "$sentinel" -p 26379 sentinel get-master-addr-by-name hiscore 2>/dev/null | head -1) || true
    [ -z "$primary" ] || break
done
if [ -z "$primary" ]; then
    if [ -f "$config" ]; then
        primary=$(sed -n 's/^replicaof "\{0,1\}\([^" ]*\).*/\1/p' "$config")
        primary=${primary:-$me}
    else
        primary=$REDIS_FIRST
    fi
fi

umask 077
{
    echo "include /etc/hiscore/redis.conf"
    echo "requirepass $password"
    echo "masterauth $password"
    [ "$primary" = "$me" ] || echo "replicaof $primary 6379"
} >"$config.new"
mv "$config.new" "$config"
echo "starting as $([ "$primary" = "$me" ] && echo primary || echo "replica of $primary")"
unset REDISCLI_AUTH
exec redis-server "$config"

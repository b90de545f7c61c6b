#!/usr/bin/env bash
# Makes the secrets of the deployment that are not there yet; never changes one that is.
# The folder is the lock: only its owner comes in (0700). The files in it are 0444, because Compose mounts each as it
# is into containers whose users are others than its owner.
# Usage: deploy-secrets.sh FOLDER
set -euo pipefail
folder=$1
mkdir -p "$folder"
chmod 700 "$folder"
cd "$folder"

# Letters and digits only: they go into URLs and configuration files as they are.
random() { od -An -tx1 -N24 /dev/urandom | tr -d ' \n'; }

# Written beside and moved: half a secret would be kept for ever.
keep() {
    local temporary
    [ ! -s "$1" ] || { cat >/dev/null; return 0; }
    temporary=$(mktemp ".$1.XXXXXX")
    cat >"$temporary"
    chmod 444 "$temporary"
    mv "$temporary" "$1"
    echo "made $folder/$1"
}

for name in redis_password mongodb_root_password mongodb_password mongodb_monitor_password grafana_password log_password rabbitmq_cookie; do
    random | keep "$name"
done
for _ in 1 2 3 4 5 6 7 8; do random; done | keep mongodb_keyfile

redis=$(cat redis_password)
hosts=mongodb-1:27017,mongodb-2:27017,mongodb-3:27017
sentinels=sentinel-1:26379,sentinel-2:26379,sentinel-3:26379
echo "redis+sentinel://:$redis@$sentinels/hiscore?sentinel_password=$redis" | keep redis_url
echo "mongodb://hiscore:$(cat mongodb_password)@$hosts/hiscore?replicaSet=hiscore&authSource=hiscore" | keep mongodb_url
echo "kafka://hiscore:$(cat log_password)@kafka-1:9092,kafka-2:9092,kafka-3:9092" | keep kafka_url
echo "amqp://hiscore:$(cat log_password)@rabbitmq-1:5672,rabbitmq-2:5672,rabbitmq-3:5672" | keep rabbitmq_url
for server in redis-1:6379 redis-2:6379 sentinel-1:26379 sentinel-2:26379 sentinel-3:26379; do
    echo "\"redis://$server\": \"$redis\""
done | paste -sd, | sed 's/.*/{&}/' | keep redis_exporter.json
echo "MONGODB_URI=mongodb://monitor:$(cat mongodb_monitor_password)@$hosts/admin?replicaSet=hiscore" | keep mongodb_exporter.env

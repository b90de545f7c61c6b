#!/usr/bin/env bash
# Local stand-ins for the public images: Debian's own Redis, HAProxy, Prometheus and RabbitMQ, the real mongod, the real
# mongosh, and Kafka's archives with Debian's Java, under the names, users and folders of the images that deploy/compose.yaml asks for.
# Usage: stand-ins.sh rootfs | images     (`images` needs DOCKER_HOST)
set -euo pipefail
cd "$(dirname "$0")"
cache=${HISCORE_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/hiscore}
# Another recipe is another file.
tar=$cache/deploy-$(sha256sum stand-ins.sh | cut -c1-12).tar
packages=redis-server,haproxy,prometheus,prometheus-redis-exporter,openjdk-17-jre-headless,rabbitmq-server,bash,ca-certificates,libcurl4,liblzma5,libssl3,libstdc++6

# Once, since it takes a minute and the network: what every stand-in is cut from.
rootfs() {
    local temporary
    [ ! -f "$tar" ] || return 0
    ../../scripts/servers.sh mongo
    ../../scripts/servers.sh kafka
    mkdir -p "$cache"
    temporary=$(mktemp -d "$cache/.deploy.XXXXXX")
    # shellcheck disable=SC2064
    trap "rm -rf '$temporary'" EXIT
    echo "making a root file system for the stand-ins (once)"
    debootstrap --variant=minbase --include="$packages" bookworm "$temporary/root" >"$temporary/log" 2>&1 \
        || { tail -20 "$temporary/log" >&2; return 1; }
    local root=$temporary/root
    install -m 755 "${HISCORE_MONGOD:-$cache/mongod}" "$root/usr/bin/mongod"
    install -m 755 "$(command -v node)" "$root/usr/bin/node"
    mkdir -p "$root/opt/mongosh"
    npm install --prefix "$root/opt/mongosh" --no-audit --no-fund --ignore-scripts --omit=optional --silent mongosh@2
    ln -s /opt/mongosh/node_modules/.bin/mongosh "$root/usr/bin/mongosh"
    mkdir -p "$root/opt/kafka/libs"
    cp "${HISCORE_KAFKA:-$cache/kafka}"/*.jar "$root/opt/kafka/libs/"
    # The one of it that everything would share.
    rm -f "$root/var/lib/rabbitmq/.erlang.cookie"
    rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}
    tar -C "$root" -cf "$temporary/root.tar" .
    rm -f "$cache"/deploy-*.tar
    mv "$temporary/root.tar" "$tar"
    rm -rf "$temporary"
    trap - EXIT
}

images() {
    local target name
    docker import "$tar" stand-in/base >/dev/null
    while read -r target name; do
        DOCKER_BUILDKIT=1 docker build --quiet --network none --tag "$name" --target "$target" - <Dockerfile >/dev/null
    done <<'EOF'
redis redis:7.2-bookworm
mongo mongo:7.0
haproxy haproxy:2.8-bookworm
prometheus prom/prometheus:v2.53.2
redis-exporter oliver006/redis_exporter:v1.62.0
kafka apache/kafka:4.1.1
rabbitmq rabbitmq:4.1
distroless gcr.io/distroless/cc-debian12:nonroot
EOF
}

"$1"

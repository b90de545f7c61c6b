#!/bin/bash
# Starts one node of the three; on their first start the nodes find each other by the names in the configuration.
set -euo pipefail
umask 077
home=/var/lib/rabbitmq
# Erlang wants a cookie that is its own and that nobody else may read.
install -m 600 /run/secrets/rabbitmq_cookie "$home/.erlang.cookie"
cat >/tmp/rabbitmq.conf <<EOF
listeners.tcp.default = 5672
default_user = hiscore
default_pass = $(</run/secrets/log_password)
default_user_tags.administrator = true

cluster_formation.peer_discovery_backend = classic_config
cluster_formation.classic_config.nodes.1 = rabbit@rabbitmq-1
cluster_formation.classic_config.nodes.2 = rabbit@rabbitmq-2
cluster_formation.classic_config.nodes.3 = rabbit@rabbitmq-3

# Of its container's memory, not of the host's.
vm_memory_high_watermark.absolute = 600MB
disk_free_limit.absolute = 500MB

log.console = true
log.console.level = warning
log.file = false
EOF
# No plugin: streams are spoken to by AMQP 0.9.1.
echo '[].' >/tmp/enabled_plugins
export HOME=$home
export RABBITMQ_NODENAME=rabbit@$HOSTNAME RABBITMQ_CONFIG_FILE=/tmp/rabbitmq.conf RABBITMQ_ENABLED_PLUGINS_FILE=/tmp/enabled_plugins
export RABBITMQ_MNESIA_BASE=$home/mnesia RABBITMQ_LOG_BASE=$home/log RABBITMQ_LOGS=-
# Without these a shell stays in front of the server, and is all that a signal reaches.
export RABBITMQ_ALLOW_INPUT=true
exec rabbitmq-server -noinput

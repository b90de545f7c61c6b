#!/bin/bash
# Starts one server of the three, broker and controller in one. Whoever comes says the password, the servers too.
set -euo pipefail
password=$(</run/secrets/log_password)
jaas="org.apache.kafka.common.security.plain.PlainLoginModule required \
username=\"hiscore\" password=\"$password\" user_hiscore=\"$password\";"
settings=/tmp/server.properties
umask 077
cat >"$settings" <<EOF
process.roles=broker,controller
node.id=$KAFKA_NODE
controller.quorum.voters=1@kafka-1:9093,2@kafka-2:9093,3@kafka-3:9093
log.dirs=/var/lib/kafka/data

listeners=BROKER://:9092,CONTROLLER://:9093
advertised.listeners=BROKER://kafka-$KAFKA_NODE:9092
controller.listener.names=CONTROLLER
inter.broker.listener.name=BROKER
listener.security.protocol.map=BROKER:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.mechanism.controller.protocol=PLAIN
listener.name.broker.plain.sasl.jaas.config=$jaas
listener.name.controller.plain.sasl.jaas.config=$jaas

# hiscore makes its topic with settings of its own; these are for whatever else there may be.
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
auto.create.topics.enable=false

# How soon the partitions of a broker that died are led by others.
broker.session.timeout.ms=6000
broker.heartbeat.interval.ms=1000
EOF
java=(java -XX:-UsePerfData -Dlog4j2.configurationFile=/etc/hiscore/log4j2.properties -cp '/opt/kafka/libs/*')
# The name of the cluster is one of 16 bytes, in base64, the same on all of them.
[ -f /var/lib/kafka/data/meta.properties ] \
    || "${java[@]}" kafka.tools.StorageTool format --ignore-formatted --cluster-id aGlzY29yZWhpc2NvcmUhIQ --config "$settings"
exec "${java[@]}" -Xms384m -Xmx384m kafka.Kafka "$settings"

#!/bin/sh
# Starts one member of the replica set; mongodb-init makes the set of them.
set -eu
# mongod wants a key file that is its own and that nobody else may read.
umask 077
cat /run/secrets/mongodb_keyfile >/tmp/keyfile
exec mongod --replSet hiscore --keyFile /tmp/keyfile --dbpath /data/db --bind_ip_all --nounixsocket "$@"

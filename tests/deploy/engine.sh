# A Docker of one's own, to be sourced: engine_start FOLDER, engine_stop, inside COMMAND...
#
# dockerd runs in its own network, mount and process namespaces with everything that it writes in FOLDER. So nothing of it
# can be reached from outside but its socket, its ports do not clash with anybody's, and whatever happens, ending the
# one process that holds the namespaces ends them with every container and every mount.
# shellcheck shell=bash

engine_holder=
engine_cgroup=hiscore-test-$$

# Why Docker cannot run here, or nothing.
engine_lacks() {
    [ "$(uname -s)" = Linux ] || { echo "this is not Linux"; return; }
    [ "$(id -u)" = 0 ] || { echo "it takes root to give Docker namespaces of its own"; return; }
    local command
    for command in dockerd docker docker-compose debootstrap unshare nsenter ip; do
        command -v $command >/dev/null || { echo "$command is missing (on Debian: apt-get install docker.io docker-compose debootstrap iproute2 util-linux)"; return; }
    done
    unshare --net --mount --pid --fork true 2>/dev/null || echo "this kernel or container gives no namespaces"
}

engine_start() {
    local folder=$1
    mkdir -p "$folder"/{data,run,config}
    export DOCKER_HOST=unix://$folder/docker.sock DOCKER_CONFIG=$folder/config
    echo "{\"deprecated-key-path\": \"$folder/key.json\"}" >"$folder/daemon.json"
    # shellcheck disable=SC2016 # $1 and $2 are the inner shell's
    unshare --net --mount --pid --fork --kill-child=KILL --mount-proc bash -c '
        ip link set lo up
        # Where Docker and containerd leave folders, whatever they are told.
        mount -t tmpfs none /opt
        mount -t tmpfs none /run
        exec dockerd --config-file "$1/daemon.json" --data-root "$1/data" --exec-root "$1/run" \
            --pidfile "$1/docker.pid" --host "$DOCKER_HOST" --cgroup-parent "/$2"
    ' dockerd "$folder" "$engine_cgroup" >"$folder/log" 2>&1 </dev/null &
    engine_holder=$!
    local end=$((SECONDS + 60))
    until docker info >/dev/null 2>&1; do
        if ! kill -0 "$engine_holder" 2>/dev/null || [ $SECONDS -ge $end ]; then
            tail -5 "$folder/log" >&2
            return 1
        fi
        sleep 0.2
    done
}

# Runs a command where the published ports are. `inside_exec` becomes that command, for those who start it in the
# background and have to signal it.
inside() { nsenter --net --target "$(pgrep --parent "$engine_holder" | head -1)" -- "$@"; }
inside_exec() { exec nsenter --net --target "$(pgrep --parent "$engine_holder" | head -1)" -- "$@"; }

engine_stop() {
    [ -n "$engine_holder" ] || return 0
    local child
    child=$(pgrep --parent "$engine_holder" | head -1)
    # Politely first: dockerd stops its containers. Killing the first process of the namespace ends all the others.
    [ -z "$child" ] || kill -TERM "$child" 2>/dev/null || true
    local end=$((SECONDS + 20))
    while kill -0 "$engine_holder" 2>/dev/null && [ $SECONDS -lt $end ]; do sleep 0.2; done
    kill -KILL "$engine_holder" 2>/dev/null || true
    wait "$engine_holder" 2>/dev/null || true
    engine_holder=
    # Empty by now; the kernel may take a moment to notice.
    end=$((SECONDS + 5))
    while find /sys/fs/cgroup -depth -type d -path "*/$engine_cgroup*" -exec rmdir {} + 2>/dev/null
        [ -n "$(find /sys/fs/cgroup -maxdepth 2 -name "$engine_cgroup" -print -quit)" ] && [ $SECONDS -lt $end ]; do sleep 0.2; done
}

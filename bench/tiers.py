"""What the comparison with the reference starts: MongoDB, the reference's two services, and hiscore on the same tiers."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

from servers import HERE, Hiscore, free_port, spawn, wait_until

REFERENCE = HERE / "reference"


def logged(command, log):
    """A server or tool whose output goes to a file."""
    with open(log, "ab") as output:
        return spawn(command, stdout=output, stderr=output)


def mongod():
    """The server that scripts/servers.sh finds or installs."""
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    tools = os.environ.get("HISCORE_TOOLS") or pathlib.Path(cache, "hiscore")
    for candidate in (os.environ.get("HISCORE_MONGOD"), shutil.which("mongod"), str(pathlib.Path(tools, "mongod"))):
        if candidate and os.access(candidate, os.X_OK):
            return candidate
    sys.exit("mongod is missing; scripts/servers.sh mongo installs it")


class Mongo:
    """A replica set of one node, which is the least that has majority writes, with a small cache."""

    def __init__(self, folder):
        self.port = free_port()
        self.url = f"mongodb://127.0.0.1:{self.port}/?replicaSet=rs0"
        self.data = pathlib.Path(folder, "mongo")
        self.data.mkdir()
        self.start()

    def start(self):
        command = [mongod(), "--port", str(self.port), "--bind_ip", "127.0.0.1", "--dbpath", str(self.data)]
        command += ["--replSet", "rs0", "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "256", "--quiet"]
        self.process = logged(command, f"{self.data}.log")
        self.ask("initiate")

    def ask(self, what):
        command = ["node", str(REFERENCE / "inspect.js"), f"mongodb://127.0.0.1:{self.port}", what]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=40).stdout)

    def connections(self):
        """Established ones, as the kernel has them: a stopped server could not tell."""
        local = f"0100007F:{self.port:04X}"
        with open("/proc/net/tcp") as table:
            return sum(1 for line in table if line.split()[1] == local and line.split()[3] == "01")

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Reference:
    """The score cache service and the score persistence service."""

    name = "reference"

    def __init__(self, folder, redis, mongo, *flags):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        tiers = ["--redis", f"redis://127.0.0.1:{redis.port}"]
        self.processes = {}
        for name, more in (
            ("cache", ["--port", str(port)]),
            ("persistence", ["--mongodb", mongo.url, *flags]),
        ):
            log = pathlib.Path(folder, f"{name}-{port}.log")
            self.processes[name] = logged(["node", str(REFERENCE / f"{name}.js"), *tiers, *more], log)
            wait_until(lambda: b"ready" in log.read_bytes(), name)

    def stop(self):
        # It has no orderly end: what it was doing is cut off, as it is with `docker stop` after ten seconds.
        for process in self.processes.values():
            process.kill()
            process.wait()


class Direct(Hiscore):
    """hiscore with its ranking in Redis and its store in MongoDB, every role in one process."""

    name = "hiscore"

    def __init__(self, binary, folder, redis, mongo):
        self.url = f"http://127.0.0.1:{free_port()}"
        command = [binary, "serve", "--listen", self.url.removeprefix("http://"), "--auto-create"]
        command += ["--data-dir", f"{folder}/unused", "--redis-url", f"redis://127.0.0.1:{redis.port}"]
        # The reference's own interval, so that both write what changed equally often.
        command += ["--mongodb-url", mongo.url, "--flush-interval", "2s"]
        log = f"{folder}/hiscore.log"
        self.process = logged(command, log)
        self.log = open(log, "rb")
        self.processes = {"hiscore": self.process}
        try:
            wait_until(lambda: self.get("/readyz"), "hiscore")
        except SystemExit as end:
            sys.exit(f"{end}\n{self.log.read().decode()}")


class Watch(threading.Thread):
    """Looks at every process once a second: its resident memory, and how many connections MongoDB has."""

    def __init__(self, mongo, processes):
        super().__init__(daemon=True)
        self.mongo, self.processes = mongo, processes
        self.samples, self.over, self.began = [], threading.Event(), time.monotonic()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()

    def run(self):
        while True:
            sample = {"second": round(time.monotonic() - self.began, 1), "connections": self.mongo.connections()}
            for name, process in self.processes.items():
                sample[name] = resident(process.pid)
            # MongoDB is another process after it was killed.
            sample["mongod"] = resident(self.mongo.process.pid)
            self.samples.append(sample)
            if self.over.wait(1):
                return

    def range(self, name):
        seen = [sample[name] for sample in self.samples if sample[name] is not None]
        return min(seen), max(seen)


def resident(pid):
    """Bytes of memory of a process; nothing if it is not there."""
    try:
        return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None

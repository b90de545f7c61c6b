#!/usr/bin/env python3
"""What a durable score update costs here, beside Redis on the same machine in the same run.

Starts `hiscore serve` and `redis-server` (append-only file, synced always) on free ports of the loopback, drives both with 64
connections in turn, several rounds, and prints the medians and their ratio. Figures are only ever compared within one run:
machines, and minutes on one machine, differ too much for more.

    make bench                      the table
    bench/run.py --json FILE        machine-readable too
"""

import argparse
import json
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
CONNECTIONS = 64
MEMBERS = 1_000_000


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(ready, what, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if ready():
                return
        except OSError:
            pass
        time.sleep(0.05)
    sys.exit(f"{what} did not get ready within {seconds} s")


class Hiscore:
    """Our server with a folder of its own."""

    def __init__(self, binary, folder):
        self.url = f"http://127.0.0.1:{free_port()}"
        address = self.url.removeprefix("http://")
        command = [binary, "serve", "--listen", address, "--data-dir", f"{folder}/hiscore", "--auto-create"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait_until(lambda: self.get("/readyz"), "hiscore")

    def get(self, path):
        with urllib.request.urlopen(self.url + path) as answer:
            return answer.read().decode()

    def judged(self):
        """Submissions that were judged and durable, by the server's own count."""
        found = re.findall(r'^hiscore_submissions_total\{outcome="(\w+)"\} (\d+)', self.get("/metrics"), re.M)
        counts = {outcome: int(count) for outcome, count in found}
        refused = {name: counts.get(name, 0) for name in ("refused", "trouble", "duplicate")}
        if any(refused.values()):
            sys.exit(f"the server did not accept everything: {refused}")
        return sum(counts.values())

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def submit(self, seconds):
        before, cpu = self.judged(), self.cpu_seconds()
        script = str(ROOT / "bench" / "submit.lua")
        load = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", script, self.url]
        out = subprocess.run(load, check=True, capture_output=True, text=True).stdout
        if "Non-2xx" in out or "Socket errors" in out:
            sys.exit(f"wrk met errors:\n{out}")
        count = self.judged() - before
        took = float(re.search(r"requests in ([\d.]+)s", out)[1])
        p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", out)
        return {
            "rate": count / took,
            "p99_ms": float(p99[1]) * {"us": 0.001, "ms": 1, "s": 1000}[p99[2]],
            "cpu_us": (self.cpu_seconds() - cpu) / count * 1e6,
        }

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(timeout=60) != 0:
            sys.exit(f"hiscore ended badly: {self.process.stderr.read().decode()}")


class Redis:
    """A Redis that syncs its append-only file before every answer."""

    def __init__(self, folder):
        self.port = str(free_port())
        data = pathlib.Path(folder, "redis")
        data.mkdir()
        command = ["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--dir", str(data), "--save", ""]
        command += ["--appendonly", "yes", "--appendfsync", "always"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        ping = ["redis-cli", "-p", self.port, "ping"]
        wait_until(lambda: subprocess.run(ping, capture_output=True).stdout == b"PONG\n", "redis-server")

    def zadd(self, requests):
        command = ["redis-benchmark", "-p", self.port, "-c", str(CONNECTIONS), "-n", str(requests), "-r", str(MEMBERS)]
        command += ["--csv", "ZADD", "bench", "__rand_int__", "player:__rand_int__"]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        fields = [field.strip('"') for field in out.strip().splitlines()[-1].split('","')]
        return {"rate": float(fields[1]), "p99_ms": float(fields[6])}

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "target" / "release" / "hiscore"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8, help="of each of our runs (default 8)")
    parser.add_argument("--json", help="write the figures to this file too")
    arguments = parser.parse_args()
    for tool in ("wrk", "redis-server", "redis-benchmark"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing; scripts/tools.sh bench installs it on Debian")

    # Beside the project, not in /tmp, which may be memory: a sync must reach a disk.
    with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT) as folder:
        ours, theirs = [], []
        hiscore, redis = Hiscore(arguments.binary, folder), Redis(folder)
        try:
            hiscore.submit(2)
            for _ in range(arguments.rounds):
                theirs.append(redis.zadd(120_000))
                ours.append(hiscore.submit(arguments.seconds))
        finally:
            redis.stop()
            hiscore.stop()

    def median(figures, name):
        return statistics.median(figure[name] for figure in figures)

    ratio = median(ours, "rate") / median(theirs, "rate")
    print(f"durable updates, {CONNECTIONS} connections, {MEMBERS:,} players, medians of {arguments.rounds} rounds")
    print(f"  {'':34}{'a second':>12}{'p99':>10}{'CPU each':>12}")
    cpu = median(ours, "cpu_us")
    print(f"  {'hiscore submitScore, PERSISTED':34}{median(ours, 'rate'):>12,.0f}{median(ours, 'p99_ms'):>7.2f} ms{cpu:>9.1f} µs")
    print(f"  {'redis ZADD, appendfsync always':34}{median(theirs, 'rate'):>12,.0f}{median(theirs, 'p99_ms'):>7.2f} ms")
    print(f"  ratio {ratio:.2f}")
    if arguments.json:
        figures = {"ours": ours, "theirs": theirs, "ratio": ratio}
        pathlib.Path(arguments.json).write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()

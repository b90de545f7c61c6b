#!/usr/bin/env python3
"""What submitting through a log costs: LOGGED in front of Kafka, beside Kafka's own producer tool in the same run.

Both have acks=all on the same broker, with records of the same size. The tool is one Java process that hands over records
without waiting for any; ours are HTTP requests of 64 connections that each wait for their answer.

    make bench-log                  the table
    bench/run_log.py --json FILE    machine-readable too
"""

import argparse
import json
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

from brokers import Kafka
from servers import CONNECTIONS, HERE, RELEASE, Hiscore, Redis, wait_until
from tiers import Mongo, logged

ROOT = HERE.parent


class Logged(Hiscore):
    """hiscore with every role in one process, behind a log or not."""

    def __init__(self, binary, folder, name, redis, mongo, log=None):
        from servers import free_port

        self.url = f"http://127.0.0.1:{free_port()}"
        command = [binary, "serve", "--listen", self.url.removeprefix("http://"), "--auto-create"]
        command += ["--redis-url", f"redis://127.0.0.1:{redis.port}", "--redis-prefix", name]
        command += ["--mongodb-url", mongo.url.replace("/?", f"/{name}?")]
        command += ["--log-url", log] if log else []
        path = f"{folder}/{name}.log"
        self.process = logged(command, path)
        self.log = open(path, "rb")
        wait_until(lambda: self.get("/readyz"), f"hiscore ({name})")

    def counted(self, name):
        lines = [line for line in self.get("/metrics").splitlines() if line.startswith(name + " ")]
        return float(lines[0].split()[1]) if lines else 0.0

    def drained(self):
        wait_until(lambda: self.counted("hiscore_apply_lag_entries") == 0, "the applier", 600)


def size_of(updates):
    """Bytes of an entry of so many submissions of the bench: frame, then player, score and board of each."""
    return 26 + 4 + updates * 24


def at_rate(server, rate, seconds):
    """Latencies in ms of single submissions at an even rate, by few connections."""
    command = ["wrk", "-t1", "-c4", f"-d{seconds}s", "--latency", "-s", str(HERE / "paced.lua"), server.url, "--", str(rate)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    def value(name):
        found = re.search(rf"{name}%\s+([\d.]+)(us|ms|s)", out)
        return float(found[1]) * {"us": 0.001, "ms": 1, "s": 1000}[found[2]]

    return {"p50_ms": value("50"), "p99_ms": value("99")}


def replayed(arguments, folder, logged, redis, mongo, kafka):
    """The whole log into an empty Redis, beside the batches that the ranking tier takes from an ingest."""
    empty = Redis(folder, appendonly=False)
    try:
        url = f"redis://127.0.0.1:{empty.port}"
        command = [arguments.binary, "log", "replay", "--mongodb-url", mongo.url.replace("/?", "/logged?")]
        command += ["--log-url", kafka.url("scores"), "--redis-url", f"redis://127.0.0.1:{redis.port}"]
        command += ["--redis-prefix", "logged", "--into-redis-url", url]
        done = subprocess.run(command, capture_output=True, text=True)
        rate = re.search(r"replayed: .* ([\d,]+)/s", done.stdout + done.stderr)
        if done.returncode != 0 or not rate:
            sys.exit(f"the replay: {done.stdout}{done.stderr}")
        rate = float(rate[1].replace(",", ""))
        batches = subprocess.run([arguments.batches, url, "100", "1000000"], check=True, capture_output=True, text=True).stdout
        taken = float(re.search(r"^best, 8 at once: ([\d]+) updates/s", batches, re.M)[1])
    finally:
        empty.stop()
    print(f"replay: {rate:,.0f}/s, of {taken:,.0f}/s that Redis takes in batches: {rate / taken:.2f} (goal 0.7)", flush=True)
    return {"replay": rate, "batches": taken, "ratio": rate / taken, "goal": 0.7}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(RELEASE / "hiscore"))
    parser.add_argument("--batches", default=str(RELEASE / "examples" / "redis_batch"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--json", help="write all figures to this file too")
    arguments = parser.parse_args()
    for tool in ("wrk", "redis-server", "java", "node"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing; scripts/tools.sh bench and scripts/servers.sh install it on Debian")
    results = {}
    with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT) as folder:
        redis, mongo, kafka = Redis(folder, appendonly=False), Mongo(folder), Kafka(folder)
        logged = Logged(arguments.binary, folder, "logged", redis, mongo, kafka.url("scores"))
        kafka.create("tool", 32)
        try:
            logged.write(3, "bulk.lua")
            logged.drained()
            print(f"{CONNECTIONS} connections, medians of {arguments.rounds} rounds, submissions a second")
            for name, script, updates, records, goal in (
                ("single, LOGGED", "submit.lua", 1, 1_000_000, 0.5),
                ("by 100, LOGGED", "bulk.lua", 100, 100_000, 0.8),
            ):
                ours, theirs = [], []
                for _ in range(arguments.rounds):
                    ours.append(logged.write(arguments.seconds, script))
                    logged.drained()
                    theirs.append(kafka.produce("tool", records, size_of(updates)))
                us = statistics.median(figures["rate"] for figures in ours)
                them = statistics.median(figures["rate"] for figures in theirs) * updates
                cpu = statistics.median(figures["cpu_us"] for figures in ours)
                results[name] = {"ours": ours, "theirs": theirs, "ratio": us / them, "goal": goal}
                tool = f"kafka-producer-perf-test, {size_of(updates)} bytes"
                print(f"{name:18}{us:>10,.0f}{cpu:>8.1f} µs   {tool:44}{them:>11,.0f}{us / them:>7.2f}{goal:>6}", flush=True)
            rate = int(statistics.median(figures["rate"] for figures in results["single, LOGGED"]["ours"]) / 10)
            through = at_rate(logged, rate, arguments.seconds)
            results["replay"] = replayed(arguments, folder, logged, redis, mongo, kafka)
            logged.stop()
            direct = Logged(arguments.binary, folder, "direct", redis, mongo)
            direct.write(2, "submit.lua")
            ranked = at_rate(direct, rate, arguments.seconds)
            direct.stop()
            results["latency"] = {"rate": rate, "LOGGED": through, "RANKED": ranked}
            for level, figures in (("LOGGED", through), ("RANKED", ranked)):
                print(f"at {rate:,}/s, {level}: p50 {figures['p50_ms']:.2f} ms, p99 {figures['p99_ms']:.2f} ms")
        finally:
            kafka.stop()
            mongo.kill()
            redis.stop()
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What the direct profile costs, beside a bare script in Redis on the same machine in the same run.

One process of ours with every role, acknowledging as RANKED, on a Redis and a MongoDB of its own; the script on a Redis of its own.

    make bench-direct                  the tables
    bench/run_direct.py --json FILE    machine-readable too
"""

import argparse
import http.client
import json
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from servers import CONNECTIONS, HERE, MEMBERS, RELEASE, Redis, wait_until, wrk
from tiers import Direct, Mongo

ROOT = HERE.parent
SCRIPT = (HERE / "submit_redis.lua").read_text()
FEW = 1_000
RATES = (222, 2_220, 22_200)


class Ours(Direct):
    """Counts its updates itself."""

    def metric(self, name):
        lines = [line.rsplit(" ", 1) for line in self.get("/metrics").splitlines() if line.startswith(name)]
        return sum(float(value) for _, value in lines)

    def submit(self, seconds, script, connections):
        before, cpu = self.judged(), self.cpu_seconds()
        figures = wrk(self.url, seconds, script, connections=connections)
        updates = self.judged() - before
        figures["cpu_us"] = (self.cpu_seconds() - cpu) / updates * 1e6
        figures["rate"] *= updates / figures["requests"]
        return figures

    def drained(self):
        wait_until(lambda: self.metric("hiscore_funnel_dirty_records") == 0, "the funnel", 300)


class Bare(Redis):
    """A Redis with the script in it."""

    def __init__(self, folder):
        super().__init__(folder, appendonly=False)
        load = ["redis-cli", "-p", self.port, "SCRIPT", "LOAD", SCRIPT]
        self.sha = subprocess.run(load, check=True, capture_output=True, text=True).stdout.strip()

    def evalsha(self, requests, pipeline=1):
        keys = ["2", "bench", "bench:scores", "player:__rand_int__", "__rand_int__"]
        return self.benchmark(requests, pipeline, "EVALSHA", self.sha, *keys)


def used_memory(redis):
    info = subprocess.run(["redis-cli", "-p", redis.port, "INFO", "memory"], check=True, capture_output=True, text=True)
    return int(next(line for line in info.stdout.splitlines() if line.startswith("used_memory:")).split(":")[1])


def put_plainly(redis, players):
    """A sorted set and a hash of the ids that the bench's scripts use."""
    def command(*words):
        return f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)

    pipe = subprocess.Popen(["redis-cli", "-p", redis.port, "--pipe"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    for number in range(players):
        name, score = f"player{number}", str(random.randrange(10**9))
        pipe.stdin.write((command("ZADD", "plain", score, name) + command("HSET", "plain:scores", name, score)).encode())
    pipe.stdin.close()
    if pipe.wait() != 0:
        sys.exit("redis-cli did not put everything in")


def board(server):
    query = json.dumps({"query": '{ leaderboard(id: "bench") { totalCount rankState } }'})
    link = http.client.HTTPConnection(server.url.removeprefix("http://"))
    link.request("POST", "/graphql", query, {"content-type": "application/json"})
    return json.load(link.getresponse())["data"]["leaderboard"] or {"totalCount": 0, "rankState": None}


def players(server):
    return board(server)["totalCount"]


def refilled(server, redis, count):
    """Seconds from the death of Redis, with all that it had, until every rank is there again and exact."""
    redis.process.kill()
    redis.process.wait()
    began = time.monotonic()
    redis.start()
    wait_until(lambda: board(server) == {"totalCount": count, "rankState": "EXACT"}, "the emptied Redis", 600)
    return time.monotonic() - began


def at_rate(server, rate, seconds):
    """Writes of MongoDB an update, over few players, ten bulks a second."""
    query = "mutation($in: SubmitScoresInput!) { submitScores(input: $in) { results { ack } } }"
    link = http.client.HTTPConnection(server.url.removeprefix("http://"))
    server.drained()
    written, sent, began = server.metric("hiscore_funnel_written_total"), 0, time.monotonic()
    for turn in range(10 * seconds):
        time.sleep(max(0, began + turn / 10 - time.monotonic()))
        count = (turn + 1) * rate // 10 - sent
        entries = [{"playerId": f"few{random.randrange(FEW)}", "score": random.randrange(10**9)} for _ in range(count)]
        body = json.dumps({"query": query, "variables": {"in": {"leaderboardId": "few", "submissions": entries}}})
        link.request("POST", "/graphql", body, {"content-type": "application/json"})
        answer = json.load(link.getresponse())
        if "errors" in answer:
            sys.exit(f"refused: {answer['errors']}")
        sent += count
    took = time.monotonic() - began
    server.drained()
    written = server.metric("hiscore_funnel_written_total") - written
    return {"rate": sent / took, "updates": sent, "written": written, "each": written / sent}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(RELEASE / "hiscore"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="of each of our runs (default 5)")
    parser.add_argument("--json", help="write all figures to this file too")
    arguments = parser.parse_args()
    for tool in ("wrk", "redis-server", "redis-benchmark", "node"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing; scripts/tools.sh bench installs it on Debian")
    results = {}
    with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT) as folder:
        redis, bare, plain = Redis(folder, appendonly=False), Bare(folder), Redis(folder, appendonly=False)
        mongo = Mongo(folder)
        server = Ours(arguments.binary, folder, redis, mongo)
        try:
            print(f"medians of {arguments.rounds} rounds, updates a second")
            print(f"{'ours, RANKED':32}{'':>10}{'p99':>10}{'CPU':>8}   {'theirs':30}{'':>10}{'ratio':>7}{'goal':>6}")
            for name, script, connections, pipeline, requests, goal in (
                ("submitScore, 64 connections", "submit.lua", 64, 1, 200_000, 0.8),
                ("submitScore, 512 connections", "submit.lua", 512, 1, 200_000, 0.8),
                ("submitScores by 100", "bulk.lua", 64, 32, 500_000, 0.5),
            ):
                ours, theirs = [], []
                for _ in range(arguments.rounds):
                    ours.append(server.submit(arguments.seconds, script, connections))
                    server.drained()
                    theirs.append(bare.evalsha(requests, pipeline))
                us, them = (statistics.median(figures["rate"] for figures in side) for side in (ours, theirs))
                p99, cpu = (statistics.median(figures[what] for figures in ours) for what in ("p99_ms", "cpu_us"))
                results[name] = {"ours": ours, "theirs": theirs, "ratio": us / them, "goal": goal}
                tool = f"EVALSHA -c {CONNECTIONS} -P {pipeline}"
                print(f"{name:32}{us:>10,.0f}{p99:>7.1f} ms{cpu:>5.1f} µs   {tool:30}{them:>10,.0f}{us / them:>7.2f}{goal:>6}", flush=True)

            for rate in RATES:
                figures = at_rate(server, rate, 10)
                results[f"at {rate}"] = figures
                print(f"{figures['rate']:>8,.0f} updates/s over {FEW:,} players: {figures['each']:.3f} writes of MongoDB an update", flush=True)

            while players(server) < 0.99 * MEMBERS:
                server.submit(2, "bulk.lua", 8)
            server.drained()
            count = players(server)
            put_plainly(plain, count)
            ours, theirs = used_memory(redis) / count, used_memory(plain) / count
            results["memory"] = {"players": count, "ours": ours, "theirs": theirs, "ratio": ours / theirs, "goal": 1.4}
            print(f"{count:,} players: {ours:.0f} bytes of Redis each, {theirs:.0f} in a sorted set and a hash: {ours / theirs:.2f} (goal 1.4)")
            took = statistics.median(refilled(server, redis, count) for _ in range(arguments.rounds))
            results["refilled"] = {"players": count, "seconds": took, "rate": count / took, "goal": 50_000}
            print(f"{count:,} players are back {took:.1f} s after Redis lost all of them: {count / took:,.0f} a second (goal 50,000)")
        finally:
            server.stop()
            mongo.kill()
            for other in (redis, bare, plain):
                other.stop()
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()

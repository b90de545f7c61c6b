#!/usr/bin/env python3
"""Hours in short: twenty times the reference's load on hiscore over Redis and MongoDB, MongoDB paused three times, and nothing
may grow.

A thousand players, a score each every 225 ms: 4,444 updates a second, where the reference has 222. Memory of every process is
looked at each second. The first third warms up, a pause in it included, in which everybody is dirty; of the rest the slope
must contain zero within its 95 % confidence interval, or be negative. Ends with 1 unless that holds, no shard ever had two bulks
under way, the connections to MongoDB stayed what they were, and every submission is accounted for, in Redis and in MongoDB.

    make soak MINUTES=60        three pauses of 60 s; with MINUTES=6 of 6 s, and so on
"""

import argparse
import json
import math
import os
import pathlib
import re
import statistics
import sys
import tempfile
import time
import urllib.request

from servers import HERE, RELEASE, Redis, free_port, wait_until
from tiers import REFERENCE, Mongo, Watch, logged

ROOT = HERE.parent
PLAYERS = 1_000
INTERVAL_MS = 225
WANTED = PLAYERS * 1000 / INTERVAL_MS
PAUSES = (1 / 6, 1 / 2, 5 / 6)  # when, of the whole; the first belongs to the warm-up
WARM_UP = 1 / 3
# Each of the samples that the slope is of is the median of so many seconds of an hour, and as much less of less: what follows
# a second later is nearly the same number, and would make the interval too narrow.
BUCKET_OF_AN_HOUR = 60
Z = 1.96


class Role:
    """A process of hiscore with some of the roles."""

    def __init__(self, binary, folder, redis, mongo, roles):
        self.url = f"http://127.0.0.1:{free_port()}"
        self.name = roles.replace(",", "+")
        command = [binary, "serve", "--listen", self.url.removeprefix("http://"), "--role", roles]
        command += ["--redis-url", f"redis://127.0.0.1:{redis.port}", "--mongodb-url", mongo.url]
        self.process = logged(command, f"{folder}/{self.name}.log")

    def wait(self):
        wait_until(lambda: self.get("/readyz"), self.name)

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:
            return answer.read().decode()

    def metric(self, name):
        found = re.search(rf"^{name}(?:\{{.*\}})? (\S+)$", self.get("/metrics"), re.M)
        return float(found[1]) if found else None

    def ask(self, query):
        request = urllib.request.Request(
            f"{self.url}/graphql", json.dumps({"query": query}).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["data"]

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)


def theil_sen(points):
    """The median of all slopes between two points, and between which bounds it is by Kendall's rank statistic."""
    slopes = sorted(
        (y2 - y1) / (x2 - x1) for at, (x1, y1) in enumerate(points) for x2, y2 in points[at + 1 :] if x2 > x1
    )
    n = len(points)
    half = Z * math.sqrt(n * (n - 1) * (2 * n + 5) / 18) / 2
    low, high = (len(slopes) - 1) / 2 - half, (len(slopes) - 1) / 2 + half
    at = lambda place: slopes[min(max(round(place), 0), len(slopes) - 1)]
    return statistics.median(slopes), at(low), at(high)


def bucketed(samples, name, seconds):
    """Medians over spans of so many seconds."""
    buckets = {}
    for sample in samples:
        if sample.get(name) is not None:
            buckets.setdefault(int(sample["second"] // seconds), []).append(sample[name])
    return [((at + 0.5) * seconds, statistics.median(values)) for at, values in sorted(buckets.items())]


def play(mongo, persist, simulate, seconds, pause):
    """Pauses MongoDB when it is time; what was dirty, and how long it took after each pause until as little was as before."""
    began, pauses, dirty = time.monotonic(), [], []
    due = [share * seconds for share in PAUSES]
    ends = resumed = None
    while simulate.poll() is None:
        at = time.monotonic() - began
        if ends is None and due and at >= due[0]:
            due.pop(0)
            mongo.pause()
            ends = at + pause
        elif ends is not None and at >= ends:
            mongo.resume()
            pauses.append({"at": round(ends - pause), "most_dirty": dirty[-1][1] if dirty else 0, "drained_after_s": None})
            ends, resumed = None, at
        try:
            dirty.append((at, persist.metric("hiscore_funnel_dirty_records")))
        except OSError as error:
            sys.exit(f"the persister does not answer: {error}")
        if ends is None and resumed and persist.metric("hiscore_funnel_oldest_dirty_age_seconds") < 5:
            pauses[-1]["drained_after_s"] = round(at - resumed, 1)
            resumed = None
        time.sleep(max(0, 1 - (time.monotonic() - began - at)))
    return pauses, dirty


def stored(front, mongo, persist):
    """Whose score in MongoDB is not what the ranking tier has, once nothing is dirty."""
    wait_until(lambda: persist.metric("hiscore_funnel_dirty_records") == 0, "an empty funnel", 120)
    query = '{ leaderboard(id: "soak") { records(first: 1000) { totalCount edges { node { playerId score } } } } }'
    records = front.ask(query)["leaderboard"]["records"]
    ranked = {edge["node"]["playerId"]: edge["node"]["score"] for edge in records["edges"]}
    there = mongo.ask("scores")
    return len(ranked), [player for player in ranked.keys() | there.keys() if ranked.get(player) != there.get(player)]


def judge(name, holds, what, verdicts):
    verdicts[name] = bool(holds)
    print(f"  {name:34}{what:52}{'holds' if holds else 'DOES NOT HOLD'}", flush=True)


def slopes(samples, names, seconds, bucket, results, verdicts):
    print(f"\nMemory after the first third, MiB; the slope in KiB a minute with its 95 % interval, of medians of {bucket:.0f} s")
    settled = [sample for sample in samples if sample["second"] >= seconds * WARM_UP]
    for name in names:
        points = bucketed(settled, name, bucket)
        slope, low, high = (value * 60 / 1024 for value in theil_sen(points))
        seen = [sample[name] for sample in settled if sample.get(name) is not None]
        row = {"least": min(seen), "most": max(seen), "slope_kib_min": slope, "low": low, "high": high}
        results["memory"][name] = row
        what = f"{min(seen) / 2**20:.1f} to {max(seen) / 2**20:.1f}, slope {slope:+.1f} ({low:+.1f} to {high:+.1f})"
        if name in ("mongod", "redis-server"):
            print(f"  {name:34}{what:52}(not ours)")
        else:
            judge(name, low <= 0, what, verdicts)


def connections(samples, seconds, pauses, pause, results, verdicts):
    """What a pause breaks is made again, so they are counted outside of pauses and of the time-outs behind them."""
    after = pause + min(30, 5 * pause)
    near = lambda second: any(p["at"] <= second <= p["at"] + after for p in pauses)
    seen = [(s["second"], s["connections"]) for s in samples if s["second"] >= seconds * WARM_UP and not near(s["second"])]
    counts = [count for _, count in seen]
    slope, low, high = (value * 60 for value in theil_sen(bucketed([{"second": a, "n": b} for a, b in seen], "n", 1)[:: max(1, len(seen) // 60)]))
    most = max(sample["connections"] for sample in samples)
    results["connections"] = {"least": min(counts), "most": max(counts), "most_ever": most, "slope_min": slope}
    what = f"{min(counts)} to {max(counts)}, {most} at most ever, slope {slope:+.2f} a minute"
    judge("connections to MongoDB", low <= 0 and statistics.median(counts[-20:]) <= statistics.median(counts[:20]), what, verdicts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(RELEASE / "hiscore"))
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--json", default=str(HERE / "results" / "soak.json"))
    arguments = parser.parse_args()
    if not (REFERENCE / "node_modules").is_dir():
        sys.exit("bench/reference is not installed: npm ci there")
    seconds, pause = arguments.minutes * 60, arguments.minutes
    bucket = BUCKET_OF_AN_HOUR * arguments.minutes / 60
    results = {"cores": os.cpu_count(), "minutes": arguments.minutes, "memory": {}}
    verdicts = {}
    print(
        f"{arguments.minutes:g} minutes of {WANTED:,.0f} updates a second by {PLAYERS:,} players, MongoDB stopped (SIGSTOP) three times for "
        f"{pause:g} s; {os.cpu_count()} cores shared with the load, {os.getloadavg()[0]:.1f} processes running on average before",
        flush=True,
    )
    # Beside the project, not in /tmp, which may be memory: MongoDB's journal must reach a disk.
    with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT) as folder:
        redis = Redis(folder, appendonly=False)
        mongo, roles, simulate = None, [], None
        try:
            mongo = Mongo(folder)
            for role in ("persist", "ingest,scoreboard"):
                roles.append(Role(arguments.binary, folder, redis, mongo, role))
            for role in roles:
                role.wait()
            persist, front = roles
            command = [arguments.binary, "simulate", "--url", front.url, "--leaderboard", "soak", "--operator", "increment"]
            command += ["--players", str(PLAYERS), "--interval", f"{INTERVAL_MS}ms", "--connections", "64", "--exclusive", "--json"]
            command += ["--duration", f"{seconds:.0f}s"]
            report = pathlib.Path(folder, "simulate.json")
            watched = {role.name: role.process for role in roles} | {"redis-server": redis.process}
            with Watch(mongo, watched) as watch:
                simulate = logged(command, report)
                pauses, dirty = play(mongo, persist, simulate, seconds, pause)
            played = json.loads(report.read_text().splitlines()[-1])
            bulks = persist.metric("hiscore_funnel_shard_bulks_most")
            retries = persist.metric("hiscore_funnel_retries_total")
            players, differing = stored(front, mongo, persist)
        finally:
            for child in [simulate] + [role.process for role in roles]:
                if child is not None and child.poll() is None:
                    child.kill()
                    child.wait()
            if mongo is not None:
                mongo.resume()
                mongo.kill()
            redis.stop()

    results |= {"played": played, "pauses": pauses, "bulks_of_a_shard": bulks, "retries": retries, "players": players}
    results |= {"differing": len(differing), "samples": watch.samples, "dirty": dirty, "verdicts": verdicts}
    output = pathlib.Path(arguments.json)
    output.parent.mkdir(parents=True, exist_ok=True)
    # Before it is judged, so that nothing that is wrong with judging costs an hour.
    output.write_text(json.dumps(results) + "\n")
    slopes(watch.samples, ["ingest+scoreboard", "persist", "redis-server", "mongod"], seconds, bucket, results, verdicts)
    print("\nThe rest")
    connections(watch.samples, seconds, pauses, pause, results, verdicts)
    judge("bulks of a shard at once", bulks is not None and bulks <= 1, f"{bulks:.0f} at most, {retries:.0f} tried again", verdicts)
    rate, latency = played["perSecond"], played["latencyMs"]
    what = f"{rate:,.0f}/s, p50 {latency['p50']:.1f} ms, p99 {latency['p99']:.1f} ms, worst {latency['max']:.0f} ms"
    judge("the load", rate >= 0.98 * WANTED, what, verdicts)
    check, refused = played["check"], sum(played["refused"].values())
    what = f"{played['acknowledged']:,} acknowledged, {check['differenceCount']} differ, {played['unknown']} unknown, {refused} refused"
    judge("every submission, in Redis", check["state"] == "PASSED" and not played["unknown"] and not refused, what, verdicts)
    judge("every player, in MongoDB", players == PLAYERS and not differing, f"{players:,} players, {len(differing)} differ", verdicts)
    for one in pauses:
        after = one["drained_after_s"]
        behind = f"{one['most_dirty']:,.0f} dirty at its end, drained {after} s after it"
        judge(f"the pause at {one['at']} s", after is not None and after <= 2 * pause + 5, behind, verdicts)

    output.write_text(json.dumps(results) + "\n")
    if not all(verdicts.values()):
        sys.exit("\nit does not hold: " + ", ".join(name for name, holds in verdicts.items() if not holds))
    print("\nAll of it holds.")


if __name__ == "__main__":
    main()

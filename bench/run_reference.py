#!/usr/bin/env python3
"""hiscore beside the reference design (bench/reference), on the same Redis and the same MongoDB, in one run.

Each is started afresh on emptied servers, one after the other, under the same load. Under four minutes; ends with 1 if hiscore
lost anything that it had acknowledged.

    make bench-reference                         the tables; every sample goes to bench/results/reference.json
    bench/run_reference.py --only reference      what the reference does, without hiscore
    bench/run_reference.py --faults kill         one kind of trouble: none, kill or pause
"""

import argparse
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

from servers import CONNECTIONS, HERE, RELEASE, Redis
from tiers import REFERENCE, Direct, Mongo, Reference, Watch, logged

ROOT = HERE.parent
LONGEST = 240
WARM_UP = 2
PLAYERS = 5_000
OUTAGE = 10
AT_ONCE = 200  # players who play at once: 10 × the reference's 20, each with a pause of 90 ms as there
FAULTS = {
    "none": "no fault",
    "kill": f"MongoDB killed, started again after {OUTAGE} s",
    "pause": f"MongoDB stopped (SIGSTOP) for {OUTAGE} s",
}


class Comparison:
    def __init__(self, binary, folder):
        self.binary, self.folder = binary, folder
        self.redis = Redis(folder, appendonly=False)
        try:
            self.mongo = Mongo(folder)
        except BaseException:
            self.redis.stop()
            raise

    def fresh(self, system, *flags):
        """The system, just started, on servers without a trace of the one before."""
        for command in (["FLUSHALL"], ["FUNCTION", "FLUSH"]):
            subprocess.run(["redis-cli", "-p", self.redis.port, *command], check=True, stdout=subprocess.DEVNULL)
        self.mongo.ask("drop")
        if system == "reference":
            return Reference(self.folder, self.redis, self.mongo, *flags)
        return Direct(self.binary, self.folder, self.redis, self.mongo)

    def watch(self, server):
        return Watch(self.mongo, server.processes | {"redis-server": self.redis.process})

    def drive(self, system, seconds, size, players):
        """Mutations as fast as they go, and what they made of MongoDB meanwhile."""
        server = self.fresh(system)
        try:
            with self.watch(server) as watch:
                wrk(server, WARM_UP, size, players)
                before, judged = self.mongo.ask("counters"), counted(server)
                figures = wrk(server, seconds, size, players)
                judged, after = counted(server) - judged, self.mongo.ask("counters")
            if system == "hiscore":
                figures["rate"] *= judged / figures["answers"]
            else:
                figures["rate"] *= size
            figures["updates"] = figures["rate"] * seconds
            for name in ("writes", "scanned"):
                figures[name] = after[name] - before[name]
            return figures | {"memory": memory(watch), "samples": watch.samples}
        finally:
            server.stop()

    def account(self, system, fault, *flags):
        """Players at a steady pace; afterwards every acknowledged score is looked up in MongoDB."""
        server = self.fresh(system, *flags)
        seconds = 8 if fault == "none" else 2 + OUTAGE + 3
        answers = pathlib.Path(self.folder, "answers.json")
        answers.unlink(missing_ok=True)
        try:
            with self.watch(server) as watch:
                command = ["node", str(HERE / "play.mjs"), server.url, system, str(AT_ONCE), str(seconds)]
                players = logged(command, answers)
                if fault != "none":
                    time.sleep(2)
                    self.mongo.kill() if fault == "kill" else self.mongo.pause()
                    time.sleep(OUTAGE)
                    self.mongo.start() if fault == "kill" else self.mongo.resume()
                if players.wait() != 0:
                    sys.exit(answers.read_text())
                figures = json.loads(answers.read_text())
                lost = self.settle(figures.pop("acknowledged"))
            return figures | lost | {"memory": memory(watch), "samples": watch.samples}
        finally:
            server.stop()

    def settle(self, acknowledged):
        """What is missing from MongoDB: until nothing is, or nothing has changed for three of the reference's flushes."""
        ended, changed, last = time.monotonic(), time.monotonic(), None
        while True:
            stored = self.mongo.ask("scores")
            behind = [score - stored.get(player, 0) for player, score in acknowledged.items()]
            behind = [scores for scores in behind if scores > 0]
            now = time.monotonic()
            if behind != last:
                last, changed = behind, now
            if not behind or now - changed > 6 or now - ended > 25:
                return {
                    "players": len(acknowledged),
                    "players_behind": len(behind),
                    "lost": sum(behind),
                    "settled_after_s": round(changed - ended, 1),
                }
            time.sleep(0.3)

    def stop(self):
        self.mongo.kill()
        self.redis.stop()


def wrk(server, seconds, size, players):
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "--latency"]
    command += ["-s", str(HERE / "compare.lua"), server.url, "--", server.name, str(size), str(players)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"{server.name} did not answer everything:\n{out}")
    count, took = re.search(r"(\d+) requests in ([\d.]+)s", out).groups()
    times = {name: re.search(rf"{name}%\s+([\d.]+)(us|ms|s)", out) for name in ("50", "99")}
    millis = {f"p{name}_ms": float(time[1]) * {"us": 0.001, "ms": 1, "s": 1000}[time[2]] for name, time in times.items()}
    return {"answers": int(count), "rate": int(count) / float(took)} | millis


def counted(server):
    """Updates that hiscore says it took; the reference does not count."""
    return server.judged() if server.name == "hiscore" else 0


def memory(watch):
    names = [name for name in watch.samples[0] if name not in ("second", "connections")]
    return {name: watch.range(name) for name in names} | {"connections": watch.range("connections")}


def show_memory(results):
    """Of everything that was measured, also when the run was cut short."""
    print("\nResident memory in MiB, least to most of what was seen each second, and connections of MongoDB")
    rows = [(f"{what}: {system}", row[system]) for what, row in results["throughput"].items() for system in row if system != "ratio"]
    for what, figures in rows + list(results["losses"].items()):
        ranges = figures["memory"]
        parts = [f"{name} {low / 2**20:.0f} to {high / 2**20:.0f}" for name, (low, high) in ranges.items() if name != "connections"]
        print(f"  {what:36}{', '.join(parts)}, connections {ranges['connections'][0]} to {ranges['connections'][1]}")


def throughput(comparison, systems, results):
    print(f"\nMutations as fast as they go, {CONNECTIONS} connections, updates a second")
    print(f"  {'':28}{'':10}{'':>11}{'p50':>11}{'p99':>11}{'MongoDB writes':>16}{'an update':>11}{'scanned a write':>17}")
    for what, seconds, size, players, wanted in (
        ("single, 20 players", 5, 1, 20, None),
        (f"single, {PLAYERS:,} players", 6, 1, PLAYERS, 10),
        (f"by 100, {PLAYERS:,} players", 5, 100, PLAYERS, None),
    ):
        row = results["throughput"][what] = {}
        for system in systems:
            row[system] = figures = comparison.drive(system, seconds, size, players)
            writes = figures["writes"]
            print(
                f"  {what:28}{system:10}{figures['rate']:>11,.0f}{figures['p50_ms']:>8,.1f} ms{figures['p99_ms']:>8,.0f} ms"
                f"{writes / seconds:>14,.0f}/s{writes / figures['updates']:>11.4f}{figures['scanned'] / max(writes, 1):>17,.1f}",
                flush=True,
            )
        if len(row) == 2:
            ratio = row["ratio"] = row["hiscore"]["rate"] / row["reference"]["rate"]
            print(f"  {'':28}{'ratio':10}{ratio:>11.1f}" + (f"   wanted: {wanted}" if wanted else ""), flush=True)


def losses(comparison, systems, faults, results):
    print(f"\n{AT_ONCE} players at once, a score and a pause of 90 ms in turn, ten scores each, then the next player")
    print(f"  {'':28}{'updates':>20}{'p99':>11}{'worst':>11}{'refused':>9}{'updates lost':>22}{'players behind':>20}")
    runs = [("reference", ("--order", "purge-first")), ("reference", ("--order", "save-first")), ("hiscore", ())]
    for fault in faults:
        print(f"  {FAULTS[fault]}")
        for system, flags in runs:
            if system not in systems or (fault, flags[1:]) == ("pause", ("save-first",)):
                continue
            what = " ".join((system, *flags[1:]))
            figures = results["losses"][f"{what}, {fault}"] = comparison.account(system, fault, *flags)
            lost, behind = figures["lost"], figures["players_behind"]
            print(
                f"    {what:26}{figures['updates']:>20,}{figures['p99_ms']:>8,.0f} ms{figures['worst_ms']:>8,.0f} ms{figures['refused']:>9,}"
                f"{lost:>13,} ({lost / figures['updates']:6.2%}){behind:>11,} ({behind / figures['players']:6.2%})",
                flush=True,
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(RELEASE / "hiscore"))
    parser.add_argument("--only", choices=("reference", "hiscore"), help="one of the two")
    parser.add_argument("--faults", choices=FAULTS, action="append", help="all by default")
    parser.add_argument("--json", default=str(HERE / "results" / "reference.json"))
    arguments = parser.parse_args()
    systems = [arguments.only] if arguments.only else ["reference", "hiscore"]
    if not (REFERENCE / "node_modules").is_dir():
        sys.exit("bench/reference is not installed: npm ci there")

    signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"not done after {LONGEST} s; the rows above are all there are"))
    signal.alarm(LONGEST)
    results = {"cores": os.cpu_count(), "load_before": os.getloadavg(), "throughput": {}, "losses": {}}
    print(f"{os.cpu_count()} cores shared with the load, {os.getloadavg()[0]:.1f} processes running on average before")
    try:
        # Beside the project, not in /tmp, which may be memory: MongoDB's journal must reach a disk.
        with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT) as folder:
            comparison = Comparison(arguments.binary, folder)
            try:
                throughput(comparison, systems, results)
                losses(comparison, systems, arguments.faults or FAULTS, results)
            finally:
                signal.alarm(0)
                comparison.stop()
    finally:
        show_memory(results)
        output = pathlib.Path(arguments.json)
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(results, indent=2) + "\n")

    lost = {what: figures["lost"] for what, figures in results["losses"].items() if what.startswith("hiscore")}
    if any(lost.values()):
        sys.exit(f"hiscore lost acknowledged updates: {lost}")
    print("\nhiscore lost nothing" if lost else "\nhiscore was not tried for losses")


if __name__ == "__main__":
    main()

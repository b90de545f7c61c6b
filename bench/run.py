#!/usr/bin/env python3
"""What hiscore costs, beside Redis on the same machine in the same run.

Each row drives both in turn with 64 connections, several rounds, and compares the medians. Figures are only ever compared
within one run: machines, and minutes on one machine, differ too much for more.

    make bench                       the table
    bench/run.py --json FILE         machine-readable too
    bench/run.py --only single       one row
"""

import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

from servers import CONNECTIONS, HERE, MEMBERS, RELEASE, Echo, Hiscore, Redis

ROOT = HERE.parent


class Bench:
    def __init__(self, binary, echo, folder, seconds):
        self.seconds = seconds
        self.hiscore = Hiscore(binary, folder)
        self.echo = Echo(echo)
        self.durable = Redis(folder, appendonly=True)
        self.volatile = Redis(folder, appendonly=False)

    def warm_up(self):
        """A million players everywhere, and all of them in the table, so that nobody is measured while it fills."""
        self.volatile.zadd(3 * MEMBERS, pipeline=32)
        for board, operator in (("bench", "BEST"), ("sums", "INCREMENT")):
            self.hiscore.fill(board, operator, MEMBERS, lambda n: f"player{n}")
        self.hiscore.settle()

    def single(self):
        return self.hiscore.write(self.seconds, "submit.lua"), self.durable.zadd(120_000)

    def echoed(self):
        return self.hiscore.write(self.seconds, "submit.lua"), self.echo.write(self.seconds)

    def bulk(self):
        return self.hiscore.write(self.seconds, "bulk.lua"), self.volatile.zadd(1_000_000, pipeline=32)

    def moving(self):
        """Each adds to a player's sum, so that each has a new rank; of best scores most stay where they are."""
        ours = self.hiscore.write(self.seconds, "bulk.lua", "sums")
        return ours, self.volatile.zadd(1_000_000, pipeline=32)

    def reading(self, what):
        """While bulks are written as fast as they go, by eight connections."""
        command = ["wrk", "-t1", "-c8", f"-d{self.seconds + 2}s", "-s", str(HERE / "bulk.lua"), self.hiscore.url]
        writers = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        ours = self.hiscore.read(self.seconds, what)
        writers.wait()
        return ours, self.volatile.zrevrank(200_000)

    def stop(self):
        self.echo.stop()
        self.volatile.stop()
        self.durable.stop()
        self.hiscore.stop()


ROWS = {
    "single": ("submitScore, PERSISTED", "ZADD -P 1, appendfsync always", 1.0, Bench.single),
    "echo": ("submitScore, PERSISTED", "a body read and sent back", 0.6, Bench.echoed),
    "bulk": ("submitScores by 100, PERSISTED", "ZADD -P 32, nothing kept", 5.0, Bench.bulk),
    "moving": ("by 100, each one moves", "ZADD -P 32, nothing kept", 5.0, Bench.moving),
    "top": ("top 10 while writing", "ZREVRANK -P 1, idle", 0.5, lambda bench: bench.reading("top")),
    "around": ("11 around while writing", "ZREVRANK -P 1, idle", 0.5, lambda bench: bench.reading("around")),
    "rank": ("rank while writing", "ZREVRANK -P 1, idle", 0.5, lambda bench: bench.reading("rank")),
}


def median(rounds, name):
    return statistics.median(figures[name] for figures in rounds)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(RELEASE / "hiscore"))
    parser.add_argument("--echo", default=str(RELEASE / "examples" / "echo"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=6, help="of each of our runs (default 6)")
    parser.add_argument("--only", choices=ROWS, help="one row")
    parser.add_argument("--json", help="write all figures to this file too")
    arguments = parser.parse_args()
    for tool in ("wrk", "redis-server", "redis-benchmark"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing; scripts/tools.sh bench installs it on Debian")

    print(f"{CONNECTIONS} connections, {MEMBERS:,} players, medians of {arguments.rounds} rounds, updates or reads a second")
    print(f"{'ours':32}{'':>10}{'p99':>10}{'CPU':>8}   {'theirs':30}{'':>10}{'ratio':>7}{'goal':>6}")
    results = {}
    # Beside the project, not in /tmp, which may be memory: a sync must reach a disk.
    with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT) as folder:
        bench = Bench(arguments.binary, arguments.echo, folder, arguments.seconds)
        try:
            bench.warm_up()
            for name, (ours, theirs, goal, drive) in ROWS.items():
                if arguments.only in (None, name):
                    rounds = [drive(bench) for _ in range(arguments.rounds)]
                    us, them = [list(side) for side in zip(*rounds)]
                    ratio = median(us, "rate") / median(them, "rate")
                    results[name] = {"ours": us, "theirs": them, "ratio": ratio, "goal": goal}
                    cpu = f"{median(us, 'cpu_us'):.1f} µs" if "cpu_us" in us[0] else ""
                    print(
                        f"{ours:32}{median(us, 'rate'):>10,.0f}{median(us, 'p99_ms'):>7.1f} ms{cpu:>8}   "
                        f"{theirs:30}{median(them, 'rate'):>10,.0f}{ratio:>7.2f}{goal:>6}",
                        flush=True,
                    )
            memory = bench.hiscore.memory_bytes()
            results["memory"] = {"bytes": memory, "records": 2 * MEMBERS}
            print(f"memory of hiscore with two boards of {MEMBERS:,} players, after all that: {memory / 2**20:,.0f} MiB")
        finally:
            bench.stop()
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()

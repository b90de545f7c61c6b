#!/usr/bin/env python3
"""A large board in one process: filling it, its memory, a restart after SIGKILL, reads at both ends, and what a request
costs there beside one to a small board.

    bench/scale.py                         a million players
    bench/scale.py --players 10000000      ten million: some minutes, 3 GiB of memory, 2 GiB of disk
"""

import argparse
import http.client
import json
import pathlib
import statistics
import tempfile
import time

from servers import BULK, CONNECTIONS, HERE, RELEASE, Hiscore, ask, wrk

ROOT = HERE.parent
FEW = 10_000


def fill(server, players):
    # SET, so that every update moves its player: of BEST ones fewer do the longer it goes.
    server.fill("big", "SET", players, lambda n: f"p{n:011}")


def read(server, players):
    medians = {}
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"))
    for name, field in (
        ("first ten", "records(first: 10) { nodes { playerId rank score } }"),
        ("last ten", f"records(first: 10, fromRank: {players - 9}) {{ nodes {{ playerId rank score }} }}"),
        ("around one", f'around(playerId: "p{players // 2:011}") {{ playerId rank score }}'),
    ):
        times = []
        for _ in range(50):
            began = time.monotonic()
            ask(connection, f'{{ leaderboard(id: "big") {{ totalCount {field} }} }}')
            times.append(time.monotonic() - began)
        medians[name] = sorted(times)[25] * 1000
        print(f"{name}: {medians[name]:.2f} ms in the median, HTTP and all")
    return medians


def requests(server, seconds, what, players):
    cpu = server.cpu_seconds()
    figures = wrk(server.url, seconds, "large.lua", what, str(players))
    return figures["rate"], (server.cpu_seconds() - cpu) / figures["requests"] * 1e6


def beside_a_small_one(large, small, players, rounds, seconds):
    """Both in turn, so that what else the machine does meets both."""
    results = {}
    print(f"\nrequests a second and CPU each, {CONNECTIONS} connections, medians of {rounds} rounds; goal: 3 times slower at most")
    print(f"{'':8}{FEW:>12,} players{'':8}{players:>12,} players{'':8}{'slower':>8}{'more CPU':>10}")
    for what in ("update", "rank", "page", "around"):
        both = [(requests(small, seconds, what, FEW), requests(large, seconds, what, players)) for _ in range(rounds)]
        (few, few_cpu), (many, many_cpu) = (
            [statistics.median(figures) for figures in zip(*side)] for side in zip(*both)
        )
        print(
            f"{what:8}{few:>12,.0f}/s {few_cpu:>6.1f} µs{'':6}{many:>12,.0f}/s {many_cpu:>6.1f} µs{'':6}"
            f"{few / many:>8.2f}{many_cpu / few_cpu:>10.2f}"
        )
        sides = {"few": {"rate": few, "cpu_us": few_cpu}, "many": {"rate": many, "cpu_us": many_cpu}}
        results[what] = sides | {"slower": few / many, "goal": 3}
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(RELEASE / "hiscore"))
    parser.add_argument("--players", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of each run (default 4)")
    parser.add_argument("--json", help="write all figures to this file too")
    arguments = parser.parse_args()
    players, results = arguments.players, {"players": arguments.players}
    with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT) as folder:
        server = Hiscore(arguments.binary, folder)
        try:
            began = time.monotonic()
            fill(server, players)
            results["filled_s"], results["bytes"] = time.monotonic() - began, server.memory_bytes() / players
            print(f"{players:,} players of 12-byte ids by bulks of {BULK:,}: {results['filled_s']:.0f} s")
            print(f"memory: {results['bytes']:.0f} bytes a player, all included (goal at ten million: 100)")
            server.kill()
            began = time.monotonic()
            server = Hiscore(arguments.binary, folder)
            results["ready_s"], results["bytes_again"] = time.monotonic() - began, server.memory_bytes() / players
            print(f"ready again after SIGKILL: {results['ready_s']:.1f} s (goal at ten million: 10)")
            print(f"memory after that: {results['bytes_again']:.0f} bytes a player")
            results["median_ms"] = read(server, players)
            pathlib.Path(folder, "small").mkdir()
            small = Hiscore(arguments.binary, f"{folder}/small")
            try:
                fill(small, FEW)
                results["requests"] = beside_a_small_one(server, small, players, arguments.rounds, arguments.seconds)
            finally:
                small.kill()
        finally:
            server.kill()
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""How cost grows: over the load, over the size of a request, and over the players on a board. Draws docs/plots/*.svg.

    make bench-curves
"""

import argparse
import json
import pathlib
import re
import subprocess
import tempfile

from plots import plot
from servers import HERE, MEMBERS, RELEASE, Hiscore, wrk

ROOT = HERE.parent
CONNECTIONS = (1, 4, 16, 64, 256, 512)
SIZES = (1, 10, 100, 1_000)
PLAYERS = (10_000, 100_000, 1_000_000, 10_000_000)


def over_connections(server, seconds):
    """Durable single updates, and reads of the top, each alone."""
    rows = []
    for connections in CONNECTIONS:
        before = server.judged()
        writes = wrk(server.url, seconds, "submit.lua", connections=connections)
        writes["rate"] *= (server.judged() - before) / writes["requests"]
        reads = server.read(seconds, "top", connections)
        rows.append({"connections": connections, "writes": writes, "reads": reads})
        print(f"{connections:>4} connections: {writes['rate']:>8,.0f} updates/s, p99 {writes['p99_ms']:.1f} ms; "
              f"{reads['rate']:>8,.0f} reads/s, p99 {reads['p99_ms']:.1f} ms", flush=True)
    return rows


def over_sizes(server, seconds):
    """Durable updates by bulks."""
    rows = []
    for size in SIZES:
        before, cpu = server.judged(), server.cpu_seconds()
        figures = wrk(server.url, seconds, "compare.lua", "hiscore", str(size), str(MEMBERS), connections=16)
        updates = server.judged() - before
        rate = figures["rate"] * updates / figures["requests"]
        rows.append({"size": size, "rate": rate, "cpu_us": (server.cpu_seconds() - cpu) / updates * 1e6})
        print(f"{size:>5} an operation: {rate:>9,.0f} updates/s, {rows[-1]['cpu_us']:.1f} µs of CPU each", flush=True)
    return rows


def over_players(program):
    """What ranking itself costs, in process."""
    out = subprocess.run([program, *map(str, PLAYERS)], check=True, capture_output=True, text=True).stdout
    rows = []
    for line in out.splitlines():
        fields = line.split()
        if len(fields) == 11 and re.fullmatch(r"\d+", fields[0]):
            names = ("players", "insert", "longest", "bytes_grown", "load_s", "bytes_loaded", "update", "rank", "page", "around", "peak")
            rows.append(dict(zip(names, map(float, fields))))
    print(out, end="", flush=True)
    return rows[: len(PLAYERS)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    release = RELEASE
    parser.add_argument("--binary", default=str(release / "hiscore"))
    parser.add_argument("--ranking", default=str(release / "examples" / "in_process"))
    parser.add_argument("--seconds", type=int, default=4, help="of each run (default 4)")
    parser.add_argument("--plots", type=pathlib.Path, default=ROOT / "docs" / "plots")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT) as folder:
        server = Hiscore(arguments.binary, folder)
        try:
            server.write(4, "bulk.lua")
            load, bulks = over_connections(server, arguments.seconds), over_sizes(server, arguments.seconds)
        finally:
            server.stop()
    sizes = over_players(arguments.ranking)
    arguments.plots.mkdir(parents=True, exist_ok=True)
    each = {"writes": "submitScore, PERSISTED", "reads": "top 10"}
    for name, title, label, figure in (
        ("load", "Requests a second, by connections", "a second", "rate"),
        ("latency", "p99, by connections", "ms", "p99_ms"),
    ):
        lines = [(text, [(row["connections"], row[what][figure]) for row in load]) for what, text in each.items()]
        plot(arguments.plots / f"{name}.svg", title, "connections", label, lines)
    lines = [("PERSISTED", [(row["size"], row["rate"]) for row in bulks])]
    plot(arguments.plots / "bulks.svg", "Updates a second, by updates in an operation", "updates in an operation", "a second", lines)
    lines = [(what, [(row["players"], row[what]) for row in sizes]) for what in ("update", "rank", "page", "around")]
    plot(arguments.plots / "players.svg", "Ranking in process, by players on the board", "players", "µs", lines)
    results = {"load": load, "bulks": bulks, "players": sizes}
    (arguments.plots / "curves.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()

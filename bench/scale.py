#!/usr/bin/env python3
"""A large board in one process: filling it, its memory, a restart after SIGKILL, and reads at both ends.

    bench/scale.py                         a million players
    bench/scale.py --players 10000000      ten million: some minutes, 3 GiB of memory, 2 GiB of disk
"""

import argparse
import http.client
import json
import pathlib
import tempfile
import threading
import time

from servers import HERE, RELEASE, Hiscore

ROOT = HERE.parent
BULK = 10_000
SUBMIT = "mutation($in: SubmitScoresInput!) { submitScores(input: $in) { userErrors { message } } }"


def ask(connection, query, variables=None):
    body = json.dumps({"query": query, "variables": variables or {}})
    connection.request("POST", "/graphql", body, {"content-type": "application/json"})
    return json.loads(connection.getresponse().read())


def fill(server, players):
    starts, lock = iter(range(0, players, BULK)), threading.Lock()

    def work():
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"))
        while True:
            with lock:
                start = next(starts, None)
            if start is None:
                return
            entries = [
                {"playerId": f"p{n:011}", "score": n * 7919 % 1_000_003}
                for n in range(start, min(players, start + BULK))
            ]
            # Refused while the table catches up: try again, as a game would.
            while "errors" in ask(connection, SUBMIT, {"in": {"leaderboardId": "big", "submissions": entries}}):
                time.sleep(0.1)

    threads = [threading.Thread(target=work) for _ in range(2)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]


def read(server, players):
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
        print(f"{name}: {sorted(times)[25] * 1000:.2f} ms in the median, HTTP and all")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(RELEASE / "hiscore"))
    parser.add_argument("--players", type=int, default=1_000_000)
    arguments = parser.parse_args()
    players = arguments.players
    with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT) as folder:
        server = Hiscore(arguments.binary, folder)
        try:
            began = time.monotonic()
            fill(server, players)
            print(f"{players:,} players of 12-byte ids by bulks of {BULK:,}: {time.monotonic() - began:.0f} s")
            print(f"memory: {server.memory_bytes() / players:.0f} bytes a player, all included")
            server.kill()
            began = time.monotonic()
            server = Hiscore(arguments.binary, folder)
            print(f"ready again after SIGKILL: {time.monotonic() - began:.1f} s")
            print(f"memory after that: {server.memory_bytes() / players:.0f} bytes a player")
            read(server, players)
        finally:
            server.kill()


if __name__ == "__main__":
    main()

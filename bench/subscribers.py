#!/usr/bin/env python3
"""Thousands of subscribers, each on a connection of its own, while scores are written as fast as they go.

For each kind of subscriber: what the writers lose against the same load without subscribers before and after in the same run, what a
subscriber takes of the server's memory, how long a score takes to reach it, and whether it missed a change set. And what a message
costs, in time of a processor, of the server and of those who receive: while a few scores a second move the board for everybody and nobody
else writes. That figure, unlike the others, says little about what else the machine does.

    make bench                                   the table, after the one beside Redis
    bench/subscribers.py --subscribers 5000 --seconds 10
    bench/subscribers.py --only board            one kind: board, ranks or stream
    bench/subscribers.py --json FILE             machine-readable too
"""

import argparse
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

from servers import CONNECTIONS, HERE, RELEASE, Hiscore, cpu_seconds

ROOT = HERE.parent
KINDS = {
    "board": "leaderboardChanged, one board, WebSocket",
    "stream": "leaderboardChanged, one board, event stream",
    "ranks": "rankChanged, a player each, WebSocket",
}
# Scores a second, each above all others, while messages are weighed: some for every change set.
MOVES = 10
# What is to be reached: bytes a subscriber, p99 of the delivery in ms, the share of the writes that is left.
GOALS = {"bytes": 16 * 1024, "p99_ms": 1000, "left": 2 / 3}


def ask(server, query, variables=None):
    body = json.dumps({"query": query, "variables": variables or {}}).encode()
    request = urllib.request.Request(server.url + "/graphql", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        answer = json.load(answer)
    if "errors" in answer:
        sys.exit(f"{query}: {answer['errors']}")
    return answer["data"]


class Subscribers:
    """The client, which is told by lines when to count."""

    def __init__(self, binary, kind, server, count, log):
        command = [binary, kind, server.url.removeprefix("http://"), str(count)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log}
        self.process = subprocess.Popen(command, text=True, **pipes)
        if self.process.stdout.readline() != "ready\n":
            sys.exit(f"the subscribers did not get ready: {pathlib.Path(log.name).read_text()[-500:]}")

    def cpu_seconds(self):
        return cpu_seconds(self.process.pid)

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self, revision):
        self.say(f"end {revision}")
        return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.kill()
        self.process.wait()


def wrong_ranks(server, ranks):
    """How many of the followers were last told something else than what a query says, once nothing moves any more."""
    query = """query($ids: [ID!]!) { leaderboard(id: "bench") {
        recordsByPlayerIds(playerIds: $ids) { playerId rank score } } }"""
    told = {player: (rank, score) for player, rank, score in ranks}
    players, asked = list(told), {}
    for at in range(0, len(players), 1000):
        rows = ask(server, query, {"ids": players[at : at + 1000]})["leaderboard"]["recordsByPlayerIds"]
        asked.update({row["playerId"]: (row["rank"], row["score"]) for row in rows})
    return sum(1 for player in players if told[player] != asked.get(player, (None, None)))


def give_records(server, count):
    """To everybody whom the clients follow, so that each of them has a rank that moves."""
    query = "mutation($in: SubmitScoresInput!) { submitScores(input: $in) { userErrors { code } } }"
    for at in range(0, count, 1000):
        players = range(at, min(at + 1000, count))
        entries = [{"playerId": f"player{player * 199}", "score": player + 1} for player in players]
        ask(server, query, {"in": {"leaderboardId": "bench", "submissions": entries}})


def told_so_far(server):
    counted = re.findall(r"^hiscore_(?:websocket_events|event_stream_events)_total (\d+)", server.get("/metrics"), re.M)
    return sum(map(int, counted))


def weigh(server, subscribers, seconds):
    """What a message costs of a processor, in µs: the server's part (with the few scores), and that of those who receive."""
    counts = lambda: (told_so_far(server), server.cpu_seconds(), subscribers.cpu_seconds())
    query = "mutation($in: SubmitScoreInput!) { submitScore(input: $in) { ack } }"
    before = counts()
    for move in range(seconds * MOVES):
        entry = {"leaderboardId": "bench", "playerId": f"move{move}", "score": (1 << 51) + move}
        ask(server, query, {"in": entry})
        time.sleep(1 / MOVES)
    messages, of_server, of_client = (after - was for was, after in zip(before, counts()))
    per = 1e6 / max(messages, 1)
    return {"messages_alone": messages, "server_us": of_server * per, "client_us": of_client * per}


def measure(server, client, kind, count, seconds, script, log):
    before = server.write(seconds, script)["rate"]
    time.sleep(3)  # the funnel has written what the load left, and gives its memory back
    empty = server.memory_bytes()
    subscribers = Subscribers(client, kind, server, count, log)
    try:
        time.sleep(3)  # some change sets for everyone, so that buffers are as large as they get
        taken = (server.memory_bytes() - empty) / count
        weighed = weigh(server, subscribers, seconds)
        subscribers.say("begin")
        of_server, of_client = server.cpu_seconds(), subscribers.cpu_seconds()
        during = server.write(seconds, script)["rate"]
        of_server, of_client = server.cpu_seconds() - of_server, subscribers.cpu_seconds() - of_client
        time.sleep(1)
        revision = ask(server, '{ leaderboard(id: "bench") { revision } }')["leaderboard"]["revision"]
        figures = subscribers.end(revision.split(".")[1])
        ranks = figures.pop("ranks")
        figures["wrong"] = wrong_ranks(server, ranks) if kind == "ranks" else 0
    finally:
        subscribers.stop()
    time.sleep(2)
    after = server.write(seconds, script)["rate"]
    figures |= {"before": before, "during": during, "after": after, "bytes": taken}
    figures |= weighed | {"server_cpus": of_server / seconds, "client_cpus": of_client / seconds}
    figures["left"] = during / statistics.mean((before, after))
    return figures


def told(kind, figures, count, seconds):
    print(f"\n{KINDS[kind]}: {count:,} subscribers, {seconds} s")
    print(f"  writes a second: {figures['before']:,.0f} before, {figures['during']:,.0f} with them, {figures['after']:,.0f} after")
    print(f"  of the writes are left: {figures['left']:.2f} (goal: at least {GOALS['left']:.2f})")
    print(f"  memory: {figures['bytes'] / 1024:.1f} KiB a subscriber (goal: at most {GOALS['bytes'] / 1024:.0f})")
    print(f"  a message takes {figures['server_us']:.1f} µs of the server's and {figures['client_us']:.1f} of the clients' processor time, of {figures['messages_alone']:,}")
    print(f"  under the load: {figures['server_cpus']:.2f} processors of the server, {figures['client_cpus']:.2f} of the clients")
    print(f"  events: {figures['events']:,} ({figures['events'] / seconds:,.0f} a second)")
    if kind == "ranks":
        print(f"  last told something else than a query says: {figures['wrong']}")
    else:
        sets, delay = figures["change_sets"], figures["delay_ms"]
        print(f"  change sets: {sets}; missed {figures['missed']:,} of {sets * count:,}, most by one: {figures['missed_by_one']}")
        print(f"  not at the last revision in the end: {figures['behind']}")
        print(f"  from a submission to a subscriber: p50 {delay['p50']} ms, p99 {delay['p99']} ms (goal: below {GOALS['p99_ms']}), most {delay['most']} ms")
    print(f"  connections that ended: {figures['ended']}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(RELEASE / "hiscore"))
    parser.add_argument("--client", default=str(RELEASE / "examples" / "subscribers"))
    parser.add_argument("--subscribers", type=int, default=5_000)
    parser.add_argument("--seconds", type=int, default=10, help="of each of the three runs of a kind (default 10)")
    parser.add_argument("--only", choices=KINDS, help="one kind")
    parser.add_argument("--bulks", action="store_true", help="write by submitScores instead of submitScore")
    parser.add_argument("--json", help="write all figures to this file too")
    arguments = parser.parse_args()
    need = arguments.subscribers + 1_000
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < need:
        sys.exit(f"{need} file handles are needed, and at most {most} are allowed: raise ulimit -Hn")
    resource.setrlimit(resource.RLIMIT_NOFILE, (need if most == resource.RLIM_INFINITY else most, most))
    script = "bulk.lua" if arguments.bulks else "submit.lua"
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f} at the start; writers: {CONNECTIONS} connections of {script}")
    results = {"load": load}
    # Beside the project, not in /tmp, which may be memory: a sync must reach a disk.
    with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT) as folder, open(f"{folder}/subscribers.log", "ab") as log:
        for kind in KINDS:
            if arguments.only not in (None, kind):
                continue
            # A server of its own each, so that no kind finds memory that another one left.
            home = pathlib.Path(folder, kind)
            home.mkdir()
            server = Hiscore(arguments.binary, home)
            try:
                server.write(3, "bulk.lua")
                give_records(server, arguments.subscribers)
                figures = measure(server, arguments.client, kind, arguments.subscribers, arguments.seconds, script, log)
            finally:
                server.stop()
            results[kind] = figures
            told(kind, figures, arguments.subscribers, arguments.seconds)
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()

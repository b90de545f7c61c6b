"""The servers that are compared: each on a free port of the loopback, with a folder of its own, driven by its own tool."""

import ctypes
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

# Stopped from outside, a bench ends as it does by itself: servers stopped, folders removed.
signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))

HERE = pathlib.Path(__file__).resolve().parent
# Where cargo puts what `make release` builds.
RELEASE = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or HERE.parent / "target").resolve() / "release"
CONNECTIONS = 64
MEMBERS = 1_000_000
# Submissions of a request that fills a board.
BULK = 10_000
CREATE = "mutation($in: CreateLeaderboardInput!) { createLeaderboard(input: $in) { userErrors { message } } }"
SUBMIT = "mutation($in: SubmitScoresInput!) { submitScores(input: $in) { userErrors { message } } }"


LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def end_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def spawn(command, **streams):
    """A process that ends with this one, however this one ends; Ctrl-C is for this one alone."""
    return subprocess.Popen(command, start_new_session=True, preexec_fn=end_with_parent, **streams)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(ready, what, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if ready():
                return
        except OSError:
            pass
        time.sleep(0.05)
    sys.exit(f"{what} did not get ready within {seconds} s")


def cpu_seconds(pid):
    """Of a processor, by a process and its threads, in user space and in the kernel."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wrk(url, seconds, script, *arguments, connections=CONNECTIONS):
    """Requests a second and their p99 in ms. Any error of any request ends the bench."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(HERE / script), url, "--"]
    out = subprocess.run(command + list(arguments), check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"wrk met errors:\n{out}")
    count, took = re.search(r"(\d+) requests in ([\d.]+)s", out).groups()
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", out)
    return {
        "requests": int(count),
        "rate": int(count) / float(took),
        "p99_ms": float(p99[1]) * {"us": 0.001, "ms": 1, "s": 1000}[p99[2]],
    }


def ask(connection, query, variables=None):
    body = json.dumps({"query": query, "variables": variables or {}})
    connection.request("POST", "/graphql", body, {"content-type": "application/json"})
    return json.loads(connection.getresponse().read())


class Hiscore:
    """Our server."""

    def __init__(self, binary, folder):
        self.url = f"http://127.0.0.1:{free_port()}"
        address = self.url.removeprefix("http://")
        command = [binary, "serve", "--listen", address, "--data-dir", f"{folder}/hiscore", "--auto-create"]
        self.log = open(f"{folder}/hiscore.log", "ab")
        self.process = spawn(command, stdout=subprocess.DEVNULL, stderr=self.log)
        wait_until(lambda: self.get("/readyz"), "hiscore")

    def get(self, path):
        with urllib.request.urlopen(self.url + path) as answer:
            return answer.read().decode()

    def judged(self):
        """Submissions that were judged and are durable, by the server's own count."""
        found = re.findall(r'^hiscore_submissions_total\{outcome="(\w+)"\} (\d+)', self.get("/metrics"), re.M)
        counts = {outcome: int(count) for outcome, count in found}
        refused = {name: counts[name] for name in ("refused", "trouble", "duplicate") if counts.get(name)}
        if refused:
            sys.exit(f"the server did not accept everything: {refused}")
        return sum(counts.values())

    def fill(self, board, operator, players, name):
        """Makes a board with so many players, the n-th of whom has this name."""
        connect = lambda: http.client.HTTPConnection(self.url.removeprefix("http://"))
        ask(connect(), CREATE, {"in": {"id": board, "operator": operator}})
        starts, lock = iter(range(0, players, BULK)), threading.Lock()

        def work():
            connection = connect()
            while True:
                with lock:
                    start = next(starts, None)
                if start is None:
                    return
                entries = [
                    {"playerId": name(n), "score": n * 7919 % 1_000_003}
                    for n in range(start, min(players, start + BULK))
                ]
                # Refused while the table catches up: try again, as a game would.
                while "errors" in ask(connection, SUBMIT, {"in": {"leaderboardId": board, "submissions": entries}}):
                    time.sleep(0.1)

        threads = [threading.Thread(target=work) for _ in range(2)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]

    def settle(self):
        """Waits until the funnel has written everything."""
        nothing = re.compile(r"^hiscore_funnel_dirty_records 0(\.0)?$", re.M)
        wait_until(lambda: nothing.search(self.get("/metrics")), "the funnel", 300)

    def cpu_seconds(self):
        return cpu_seconds(self.process.pid)

    def memory_bytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024

    def write(self, seconds, script, *arguments):
        """Durable updates a second: what the server counted, not what was sent."""
        before, cpu = self.judged(), self.cpu_seconds()
        figures = wrk(self.url, seconds, script, *arguments)
        updates = self.judged() - before
        figures["cpu_us"] = (self.cpu_seconds() - cpu) / updates * 1e6
        figures["rate"] *= updates / figures["requests"]
        return figures

    def read(self, seconds, what, connections=CONNECTIONS):
        return wrk(self.url, seconds, "read.lua", what, connections=connections)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=120)
        self.log.close()
        if code != 0:
            sys.exit(f"hiscore ended with {code}: {pathlib.Path(self.log.name).read_text()}")


class Echo:
    """An HTTP server that sends back what it is sent: what the transport alone costs."""

    def __init__(self, binary):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.process = spawn([binary, f"127.0.0.1:{port}"])
        wait_until(lambda: socket.create_connection(("127.0.0.1", port)).close() is None, "the echo")

    def write(self, seconds):
        return wrk(self.url, seconds, "submit.lua")

    def stop(self):
        self.process.kill()
        self.process.wait()


class Redis:
    """A Redis; `appendonly` syncs its file before every answer, else nothing is kept at all."""

    def __init__(self, folder, appendonly):
        self.port = str(free_port())
        data = pathlib.Path(folder, f"redis-{self.port}")
        data.mkdir()
        command = ["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--dir", str(data), "--save", ""]
        self.command = command + ["--appendonly", "yes" if appendonly else "no", "--appendfsync", "always"]
        self.start()

    def start(self):
        """With nothing in it, unless it is `appendonly`."""
        self.process = spawn(self.command, stdout=subprocess.DEVNULL)
        ping = ["redis-cli", "-p", self.port, "ping"]
        wait_until(lambda: subprocess.run(ping, capture_output=True).stdout == b"PONG\n", "redis-server")

    def benchmark(self, requests, pipeline, *operation):
        command = ["redis-benchmark", "-p", self.port, "-c", str(CONNECTIONS), "-n", str(requests), "-P", str(pipeline)]
        command += ["-r", str(MEMBERS), "--csv", *operation]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        fields = [field.strip('"') for field in out.strip().splitlines()[-1].split('","')]
        return {"rate": float(fields[1]), "p99_ms": float(fields[6])}

    def zadd(self, requests, pipeline=1):
        return self.benchmark(requests, pipeline, "ZADD", "bench", "__rand_int__", "player:__rand_int__")

    def zrevrank(self, requests):
        return self.benchmark(requests, 1, "ZREVRANK", "bench", "player:__rand_int__")

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)

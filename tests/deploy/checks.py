"""What the test of the deployment looks at that is too long for a line of shell.

    checks.py confined   < docker inspect    every container is as compose.yaml promises
    checks.py records URL BOARD              "player score" a line, sorted, as the API tells them
    checks.py gauge URL NAME [WITHOUT]       the value of a metric, leaving out those series that WITHOUT is in
    checks.py dashboard FOLDER PROMETHEUS    the dashboard's form, and every query in it
"""

import json
import pathlib
import sys
import time
import urllib.parse
import urllib.request

PATIENCE_S = 60


def get(url, body=None):
    headers = {"content-type": "application/json"} if body else {}
    data = json.dumps(body).encode() if body else None
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10) as answer:
        return answer.read().decode()


def confined():
    wrong = []
    containers = json.load(sys.stdin)
    for container in containers:
        host, name = container["HostConfig"], container["Name"].lstrip("/")
        ports = [bound["HostIp"] for bounds in (host["PortBindings"] or {}).values() for bound in bounds]
        for holds, what in [
            (container["Config"]["User"].split(":")[0] not in ("", "0", "root"), "is root"),
            (host["ReadonlyRootfs"], "may write its root file system"),
            (host["CapDrop"] == ["ALL"] and not host["CapAdd"], "keeps capabilities"),
            (any(option.startswith("no-new-privileges") for option in host["SecurityOpt"] or []), "may gain privileges"),
            (host["Memory"] > 0, "has no memory limit"),
            (not host["Privileged"], "is privileged"),
            (all(address == "127.0.0.1" for address in ports), "is published beyond this machine"),
            (not any("password" in part.lower() and "=" in part and "FILE" not in part for part in container["Config"]["Env"]),
             "has a password in its environment"),
        ]:
            if not holds:
                wrong.append(f"{name} {what}")
    if wrong or not containers:
        sys.exit("\n".join(wrong) or "no containers")
    print(f"{len(containers)} containers: not root, read-only, no capabilities, bounded memory, nothing published beyond 127.0.0.1")


def records(url, board):
    query = """query($board: ID!, $after: String) { leaderboard(id: $board) {
        records(first: 500, after: $after) { nodes { playerId score } pageInfo { hasNextPage endCursor } } } }"""
    lines, after = [], None
    while True:
        answer = json.loads(get(url + "/graphql", {"query": query, "variables": {"board": board, "after": after}}))
        if answer.get("errors"):
            sys.exit(f"{url}: {answer['errors']}")
        page = answer["data"]["leaderboard"]["records"]
        lines += [f"{node['playerId']} {node['score']}" for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    print("\n".join(sorted(lines)))


def gauge(url, name, without=None):
    lines = [line for line in get(url + "/metrics").splitlines() if line.split("{")[0].split(" ")[0] == name]
    values = [line.split()[1] for line in lines if not (without and without in line)]
    if not values:
        sys.exit(f"{url} has no {name}")
    print(sum(float(value) for value in values))


def may_be_empty(query):
    """There is no exporter for MongoDB here, and no errors if all goes well."""
    return "mongodb_" in query or 'outcome!="ok"' in query


def dashboard(folder, prometheus):
    folder = pathlib.Path(folder)
    sources = (folder / "datasources.yml").read_text()
    board = json.loads((folder / "hiscore.json").read_text())
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    ids, places, wrong, queries = set(), set(), [], []
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        if panel["id"] in ids or cells & places or at["x"] + at["w"] > 24:
            wrong.append(f"{panel['title']}: id or place is taken")
        ids.add(panel["id"])
        places |= cells
    for panel in panels:
        title = panel.get("title")
        if not (title and panel.get("description") and panel["fieldConfig"]["defaults"].get("unit") and panel["targets"]):
            wrong.append(f"{title}: needs a title, a description, a unit and a query")
        for target in panel["targets"]:
            if f"uid: {target['datasource']['uid']}\n" not in sources or panel["datasource"] != target["datasource"]:
                wrong.append(f"{title}: its data source is not provisioned")
            queries.append((title, target["expr"].replace("$__rate_interval", "1m")))
    end, empty = time.monotonic() + PATIENCE_S, queries
    while empty and time.monotonic() < end:
        still = []
        for title, query in empty:
            try:
                answer = json.loads(get(f"{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': query})}"))
                if not answer["data"]["result"] and not may_be_empty(query):
                    still.append((title, query))
            except urllib.error.HTTPError as error:
                wrong.append(f"{title}: {query}: {error.read().decode()}")
        empty = still
        if empty:
            time.sleep(1)
    wrong += [f"{title}: nothing came of {query}" for title, query in empty]
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{len(panels)} panels, {len(queries)} queries: all parse, and all have series but those that may be empty")


{"confined": confined, "records": records, "gauge": gauge, "dashboard": dashboard}[sys.argv[1]](*sys.argv[2:])

// Starts the binary under test on a free port with a fresh folder, and ends it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const BINARY = process.env.HISCORE_BIN;
const DEADLINE_MS = 30_000;

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** A running server: `url`, `ws`, `graphql(query, variables)`, `stop()`. */
export async function start() {
  if (!BINARY) throw new Error("HISCORE_BIN must be the path of the built hiscore binary");
  const folder = await mkdtemp(join(tmpdir(), "hiscore-api-"));
  const port = await freePort();
  const child = spawn(BINARY, ["serve", "--listen", `127.0.0.1:${port}`, "--data-dir", join(folder, "data")], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  const ended = once(child, "exit");
  const origin = `http://127.0.0.1:${port}`;
  const stop = async (signal = "SIGTERM") => {
    child.kill(signal);
    const [code] = await ended;
    await rm(folder, { recursive: true, force: true });
    return code;
  };
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    // Polling is what /readyz is for; there is nothing to be told by.
    const ready = await fetch(`${origin}/readyz`).then((answer) => answer.ok, () => false);
    if (ready) break;
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    if (Date.now() > deadline) {
      await stop("SIGKILL");
      throw new Error("the server did not become ready");
    }
    await pause(50);
  }
  const url = `${origin}/graphql`;
  const post = (body, headers = {}) =>
    fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/graphql-response+json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  const graphql = async (query, variables) => {
    const answer = await (await post({ query, variables })).json();
    if (answer.errors) throw new Error(JSON.stringify(answer.errors));
    return answer.data;
  };
  return { origin, url, ws: url.replace("http", "ws"), port, post, graphql, stop };
}

export const CREATE = `mutation ($id: ID!) { createLeaderboard(input: { id: $id }) { userErrors { code } } }`;
export const SUBMIT = `mutation ($b: ID!, $p: ID!, $s: Score!) {
  submitScore(input: { leaderboardId: $b, playerId: $p, score: $s }) { ack outcome userErrors { code message } }
}`;

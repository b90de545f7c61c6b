// A real Redis of a test's own, which forgets everything when it is killed.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { freePort } from "./server.mjs";
import { until } from "./until.mjs";

/** Why there can be none on this machine; null if there can. */
export const withoutRedis =
  spawnSync("redis-server", ["--version"]).status === 0
    ? null
    : "redis-server is not installed: scripts/servers.sh redis";

export class Redis {
  /** @type {import("node:child_process").ChildProcess | null} */
  #process = null;
  #folder = mkdtempSync(path.join(tmpdir(), "hiscore-e2e-redis-"));

  /** @param {number} port */
  constructor(port) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
  }

  static async start() {
    const redis = new Redis(await freePort());
    await redis.start();
    return redis;
  }

  /** On the same port as before, and empty. */
  async start() {
    const options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"];
    this.#process = spawn("redis-server", ["--port", `${this.port}`, "--dir", this.#folder, ...options], {
      stdio: "ignore",
    });
    await until(
      () =>
        new Promise((resolve, reject) => {
          const socket = connect(this.port, "127.0.0.1", () => resolve(socket.destroy()));
          socket.once("error", reject);
        }),
    );
  }

  async kill() {
    const child = this.#process;
    this.#process = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  async dispose() {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

// A real server of its own for each test file: started on a free port with a folder of its own, killed, restarted.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { until } from "./until.mjs";

const DEFAULT_BIN = path.resolve(import.meta.dirname, "../../../target/release/hiscore");

/** How many scores one request carries. */
const BULK = 5_000;

/** @returns {Promise<number>} */
export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

export class Server {
  /** @type {import("node:child_process").ChildProcess | null} */
  #process = null;
  #folder = mkdtempSync(path.join(tmpdir(), "hiscore-e2e-"));
  #said = "";

  /**
   * @param {number} port
   * @param {readonly string[]} [options] of `hiscore serve`, beside where it listens and keeps its data
   */
  constructor(port, options = []) {
    this.port = port;
    this.options = options;
    this.url = `http://127.0.0.1:${port}`;
  }

  /** @param {string[]} options */
  static async start(...options) {
    const server = new Server(await freePort(), options);
    await server.start();
    return server;
  }

  /** Starts it on the same port and the same data as before, and waits until it is ready. */
  async start() {
    const bin = process.env.HISCORE_BIN ?? DEFAULT_BIN;
    assert.ok(existsSync(bin), `no server at ${bin}: set HISCORE_BIN to the hiscore binary`);
    const data = path.join(this.#folder, "data");
    const own = ["serve", "--listen", `127.0.0.1:${this.port}`, "--data-dir", data, "--auto-create"];
    const child = spawn(bin, [...own, ...this.options], { stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        this.#said = (this.#said + chunk).slice(-4_000);
      });
    }
    await until(async () => {
      assert.equal(child.exitCode, null, `the server ended:\n${this.#said}`);
      const answer = await fetch(`${this.url}/readyz`);
      assert.equal(answer.status, 200, `not ready:\n${this.#said}`);
    }, 30_000);
  }

  /** No goodbye: what a crash looks like to a viewer. */
  async kill() {
    const child = this.#process;
    this.#process = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  /** Loses all data. Only while it is not running. */
  forget() {
    rmSync(path.join(this.#folder, "data"), { recursive: true, force: true });
  }

  async dispose() {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /**
   * @param {string} query
   * @param {Record<string, unknown>} [variables]
   * @returns {Promise<Record<string, unknown>>}
   */
  async graphql(query, variables) {
    const answer = await fetch(`${this.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ query, variables }),
    });
    /** @type {{ data?: Record<string, unknown>, errors?: unknown }} */
    const { data, errors } = await answer.json();
    assert.equal(errors, undefined, JSON.stringify(errors));
    return data ?? {};
  }

  /** @param {string} id */
  async createBoard(id) {
    const data = await this.graphql(
      "mutation ($input: CreateLeaderboardInput!) { createLeaderboard(input: $input) { userErrors { message } } }",
      { input: { id } },
    );
    const payload = /** @type {{ userErrors: unknown[] }} */ (data.createLeaderboard);
    assert.deepEqual(payload.userErrors, []);
  }

  /**
   * @param {string} leaderboardId
   * @param {string} playerId
   * @param {number} score
   */
  async submit(leaderboardId, playerId, score) {
    const data = await this.graphql(
      "mutation ($input: SubmitScoreInput!) { submitScore(input: $input) { ack userErrors { message } } }",
      { input: { leaderboardId, playerId, score } },
    );
    const payload = /** @type {{ userErrors: unknown[] }} */ (data.submitScore);
    assert.deepEqual(payload.userErrors, []);
  }

  /**
   * As many as it takes, in bulks.
   * @param {string} leaderboardId
   * @param {{ playerId: string, score: number, subscore?: number }[]} submissions
   */
  async submitAll(leaderboardId, submissions) {
    for (let from = 0; from < submissions.length; from += BULK) {
      const input = { leaderboardId, submissions: submissions.slice(from, from + BULK) };
      const data = await this.graphql(
        "mutation ($input: SubmitScoresInput!) { submitScores(input: $input) { results { ack } userErrors { message } } }",
        { input },
      );
      const { results } = /** @type {{ results: { ack: string | null }[] }} */ (data.submitScores);
      assert.ok(results.length > 0 && results.every(({ ack }) => ack !== null));
    }
  }

  /**
   * The order of a board as the API has it.
   * @param {string} id
   * @returns {Promise<string[]>}
   */
  async order(id) {
    const data = await this.graphql(
      "query ($id: ID!) { leaderboard(id: $id) { records(first: 50) { nodes { playerId } } } }",
      { id },
    );
    const board = /** @type {{ records: { nodes: { playerId: string }[] } }} */ (data.leaderboard);
    return board.records.nodes.map((node) => node.playerId);
  }
}

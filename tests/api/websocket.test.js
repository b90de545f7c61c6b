// Live: a real graphql-ws client, and raw frames for each way in which a connection must end.

import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { CREATE, SUBMIT, start } from "./server.js";

let server;
before(async () => {
  server = await start();
});
after(() => server.stop());

let boards = 0;
async function board() {
  const id = `board-${++boards}`;
  await server.graphql(CREATE, { id });
  return id;
}
const submit = (b, p, s) => server.graphql(SUBMIT, { b, p, s });
const client = () => createClient({ url: server.ws, webSocketImpl: WebSocket, retryAttempts: 0, lazy: true });

/** The next data of an iterator of results. */
async function next(events) {
  const { value, done } = await events.next();
  assert.ok(!done);
  assert.ok(!value.errors, JSON.stringify(value.errors));
  return value.data;
}

/** Takes events until one is as wanted. */
async function until(events, wanted) {
  for (;;) {
    const data = await next(events);
    if (wanted(data)) return data;
  }
}

test("leaderboardChanged begins with the present and then coalesces", async () => {
  const id = await board();
  await submit(id, "first", 1);
  const live = client();
  const events = live.iterate({
    query: `subscription ($id: ID!) { leaderboardChanged(id: $id, first: 3) {
      versionId revision rankState totalCount records { playerId rank score } } }`,
    variables: { id },
  });
  const present = (await next(events)).leaderboardChanged;
  assert.equal(present.totalCount, 1);
  assert.deepEqual(present.records, [{ playerId: "first", rank: 1, score: 1 }]);
  await Promise.all(Array.from({ length: 200 }, (_, n) => submit(id, `p${n % 20}`, n)));
  let count = 0;
  const revisions = new Set([present.revision]);
  const last = await until(events, ({ leaderboardChanged: change }) => {
    count += 1;
    assert.ok(change.records.length <= 3);
    assert.ok(!revisions.has(change.revision), "a revision came twice");
    revisions.add(change.revision);
    return change.totalCount === 21 && change.records[0].score === 199;
  });
  assert.deepEqual(last.leaderboardChanged.records[0], { playerId: "p19", rank: 1, score: 199 });
  assert.ok(count < 200, `${count} events for 200 changes`);
  await events.return();
  await live.dispose();
});

test("rankChanged tells one player's rank, and null when there is no record", async () => {
  const id = await board();
  const live = client();
  const events = live.iterate({
    query: `subscription ($id: ID!) { rankChanged(leaderboardId: $id, playerId: "p") { rank score } }`,
    variables: { id },
  });
  assert.equal((await next(events)).rankChanged, null);
  await submit(id, "p", 5);
  await until(events, ({ rankChanged }) => rankChanged?.rank === 1 && rankChanged.score === 5);
  await submit(id, "q", 6);
  await until(events, ({ rankChanged }) => rankChanged?.rank === 2);
  await server.graphql(`mutation ($id: ID!) { deleteRecord(leaderboardId: $id, playerId: "p") { deleted } }`, { id });
  await until(events, ({ rankChanged }) => rankChanged === null);
  await events.return();
  await live.dispose();
});

test("queries and mutations go over the same connection", async () => {
  const id = await board();
  const live = client();
  const once = async (query, variables) => {
    const results = [];
    for await (const result of live.iterate({ query, variables })) results.push(result);
    assert.equal(results.length, 1);
    return results[0];
  };
  const { data } = await once(SUBMIT, { b: id, p: "p", s: 3 });
  assert.equal(data.submitScore.outcome, "IMPROVED");
  const read = await once(`query ($id: ID!) { leaderboard(id: $id) { totalCount } }`, { id });
  assert.deepEqual(read.data, { leaderboard: { totalCount: 1 } });
  await live.dispose();
});

test("a refused operation is an error message", async () => {
  const live = client();
  for (const [query, code] of [
    [`subscription { leaderboardChanged(id: "none") { revision } }`, "NOT_FOUND"],
    [`subscription { leaderboardChanged(id: "x", first: 101) { revision } }`, "INVALID"],
    [`subscription { leaderboardChanged(id: "x") { unknown } }`, "BAD_REQUEST"],
    [`{`, "BAD_REQUEST"],
    [`mutation { submitScore(input: { leaderboardId: "x", playerId: "p", score: 1.0 }) { ack } }`, "INVALID"],
  ]) {
    const error = await live.iterate({ query }).next().then(() => assert.fail(query), (error) => error);
    assert.ok(Array.isArray(error), `${query}: ${error}`);
    assert.equal(error[0].extensions.code, code, query);
  }
  await live.dispose();
});

/** A raw socket: what it hears is queued. */
async function raw(protocol = "graphql-transport-ws", options = {}) {
  const socket = new WebSocket(server.ws, protocol, options);
  const heard = [];
  let wake = () => {};
  socket.on("message", (data) => {
    heard.push(JSON.parse(data));
    wake();
  });
  const closed = once(socket, "close").then(([code, reason]) => ({ code, reason: String(reason) }));
  await once(socket, "open");
  const say = (message) => socket.send(typeof message === "string" ? message : JSON.stringify(message));
  const hear = async () => {
    while (heard.length === 0) await new Promise((resolve) => (wake = resolve));
    return heard.shift();
  };
  const init = async () => {
    say({ type: "connection_init" });
    assert.deepEqual(await hear(), { type: "connection_ack" });
  };
  return { socket, say, hear, init, closed };
}

const watch = (id, board) => ({
  id,
  type: "subscribe",
  payload: { query: `subscription { leaderboardChanged(id: "${board}") { revision } }` },
});

test("4400 for what is no message", async () => {
  for (const bad of ["", "null", "[]", "{}", `{"type":"nothing"}`, `{"type":"subscribe","id":"1"}`, `{"type":"complete"}`]) {
    const { say, init, closed } = await raw();
    await init();
    say(bad);
    assert.equal((await closed).code, 4400, bad);
  }
  const { socket, init, closed } = await raw();
  await init();
  socket.send(Buffer.from(`{"type":"ping"}`));
  assert.equal((await closed).code, 4400);
});

test("4401 before the acknowledgement", async () => {
  const { say, closed } = await raw();
  say(watch("1", "any"));
  assert.deepEqual(await closed, { code: 4401, reason: "Unauthorized" });
});

test("4406 for another subprotocol, or none", async () => {
  for (const protocol of ["graphql-ws", []]) {
    const { closed } = await raw(protocol);
    assert.equal((await closed).code, 4406);
  }
});

test("4408 when nothing comes", async () => {
  const { closed } = await raw();
  assert.deepEqual(await closed, { code: 4408, reason: "Connection initialisation timeout" });
});

test("4409 for an id that is in use, which is free again after complete", async () => {
  const id = await board();
  const { say, hear, init, closed } = await raw();
  await init();
  say(watch("1", id));
  assert.equal((await hear()).type, "next");
  say({ id: "1", type: "complete" });
  say(watch("1", id));
  assert.equal((await hear()).type, "next");
  say(watch("1", id));
  assert.equal((await closed).code, 4409);
});

test("4429 for a second init", async () => {
  const { say, init, closed } = await raw();
  await init();
  say({ type: "connection_init" });
  assert.deepEqual(await closed, { code: 4429, reason: "Too many initialisation requests" });
});

test("ping is answered with pong, before the acknowledgement too", async () => {
  const { socket, say, hear, init, closed } = await raw();
  say({ type: "ping" });
  assert.deepEqual(await hear(), { type: "pong" });
  await init();
  say({ type: "ping", payload: { a: 1 } });
  assert.deepEqual(await hear(), { type: "pong", payload: { a: 1 } });
  say({ type: "pong" });
  socket.close(1000);
  assert.equal((await closed).code, 1000);
});

test("another origin is 403, the server's own is not", async () => {
  const socket = new WebSocket(server.ws, "graphql-transport-ws", { origin: "https://evil.example" });
  const [, response] = await once(socket, "unexpected-response");
  assert.equal(response.statusCode, 403);
  socket.on("error", () => {});
  socket.terminate();
  const { init, socket: own } = await raw("graphql-transport-ws", { origin: server.origin });
  await init();
  own.terminate();
});

test("a message that is too long is 1009", async () => {
  const { say, init, closed } = await raw();
  await init();
  say(" ".repeat((1 << 20) + 1));
  assert.equal((await closed).code, 1009);
});

test("a shutdown closes with 1001, so that clients come back", async () => {
  const own = await start();
  try {
    await own.graphql(CREATE, { id: "b" });
    const socket = new WebSocket(own.ws, "graphql-transport-ws");
    const closed = once(socket, "close");
    await once(socket, "open");
    socket.send(JSON.stringify({ type: "connection_init" }));
    await once(socket, "message");
    socket.send(JSON.stringify(watch("1", "b")));
    const [first] = await once(socket, "message");
    assert.equal(JSON.parse(first).type, "next");
    const completed = [];
    socket.on("message", (data) => completed.push(JSON.parse(data).type));
    const stopped = own.stop();
    assert.equal((await closed)[0], 1001);
    assert.ok(!completed.includes("complete"));
    assert.equal(await stopped, 0);
  } catch (error) {
    await own.stop("SIGKILL");
    throw error;
  }
});

// Event streams: a real graphql-sse client, what an EventSource of a browser would see, and how streams end.

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { createClient } from "graphql-sse";
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
const client = (options = {}) => createClient({ url: server.url, retryAttempts: 0, ...options });

const WATCH = `subscription ($id: ID!) { leaderboardChanged(id: $id, first: 3) {
  revision totalCount records { playerId rank score } } }`;

/** The next data of an iterator of results. */
async function next(events) {
  const { value, done } = await events.next();
  assert.ok(!done);
  assert.ok(!value.errors, JSON.stringify(value.errors));
  return value.data;
}

async function until(events, wanted) {
  for (;;) {
    const data = await next(events);
    if (wanted(data)) return data;
  }
}

/** All results of an operation that ends by itself. */
async function all(live, query, variables) {
  const results = [];
  for await (const result of live.iterate({ query, variables })) results.push(result);
  return results;
}

test("leaderboardChanged begins with the present and then coalesces", async () => {
  const id = await board();
  await submit(id, "first", 1);
  const live = client();
  const events = live.iterate({ query: WATCH, variables: { id } });
  const present = (await next(events)).leaderboardChanged;
  assert.deepEqual(present.records, [{ playerId: "first", rank: 1, score: 1 }]);
  await Promise.all(Array.from({ length: 200 }, (_, n) => submit(id, `p${n % 20}`, n)));
  const revisions = new Set([present.revision]);
  const last = await until(events, ({ leaderboardChanged: change }) => {
    assert.ok(!revisions.has(change.revision), "a revision came twice");
    revisions.add(change.revision);
    return change.totalCount === 21 && change.records[0].score === 199;
  });
  assert.deepEqual(last.leaderboardChanged.records[0], { playerId: "p19", rank: 1, score: 199 });
  assert.ok(revisions.size < 200, `${revisions.size} events for 200 changes`);
  await events.return();
  live.dispose();
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
  await events.return();
  live.dispose();
});

test("queries and mutations are streams of one", async () => {
  const id = await board();
  const live = client();
  const [{ data }] = await all(live, SUBMIT, { b: id, p: "p", s: 3 });
  assert.equal(data.submitScore.outcome, "IMPROVED");
  const read = await all(live, `query ($id: ID!) { leaderboard(id: $id) { totalCount } }`, { id });
  assert.deepEqual(read, [{ data: { leaderboard: { totalCount: 1 } } }]);
  live.dispose();
});

test("a refused operation is one result with errors", async () => {
  const live = client();
  for (const [query, code] of [
    [`subscription { leaderboardChanged(id: "none") { revision } }`, "NOT_FOUND"],
    [`subscription { leaderboardChanged(id: "x", first: 101) { revision } }`, "INVALID"],
    [`subscription { leaderboardChanged(id: "x") { unknown } }`, "BAD_REQUEST"],
    [`{`, "BAD_REQUEST"],
  ]) {
    const results = await all(live, query);
    assert.equal(results.length, 1, query);
    assert.equal(results[0].errors[0].extensions.code, code, query);
  }
  live.dispose();
});

/** A raw answer, read event by event. */
async function raw(url, init) {
  const answer = await fetch(url, { ...init, headers: { accept: "text/event-stream", ...init?.headers } });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let received = "";
  const event = async () => {
    for (;;) {
      const at = received.indexOf("\n\n");
      if (at >= 0) {
        const text = received.slice(0, at);
        received = received.slice(at + 2);
        return text;
      }
      const { value, done } = await reader.read();
      if (done) return null;
      received += value;
    }
  };
  return { answer, event, cancel: () => reader.cancel() };
}

const byGet = (query, at = server) => `${at.url}?${new URLSearchParams({ query })}`;
const watch = (id) => `subscription { leaderboardChanged(id: "${id}") { totalCount } }`;
const total = (count) => `event: next\ndata: {"data":{"leaderboardChanged":{"totalCount":${count}}}}`;

test("an EventSource gets by with GET", async () => {
  const id = await board();
  const { answer, event, cancel } = await raw(byGet(watch(id)));
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("content-type"), "text/event-stream; charset=utf-8");
  assert.equal(answer.headers.get("cache-control"), "no-store");
  assert.equal(await event(), total(0));
  await submit(id, "p", 1);
  assert.equal(await event(), total(1));
  await cancel();
  const once = await raw(byGet(`{ leaderboard(id: "${id}") { totalCount } }`));
  assert.equal(await once.event(), `event: next\ndata: {"data":{"leaderboard":{"totalCount":1}}}`);
  assert.equal(await once.event(), "event: complete\ndata:");
  assert.equal(await once.event(), null);
});

test("no mutation by GET, and nothing for pages of elsewhere", async () => {
  const id = await board();
  await submit(id, "p", 1);
  const mutation = `mutation { deleteRecord(leaderboardId: "${id}", playerId: "p") { deleted } }`;
  const refused = await raw(byGet(mutation));
  assert.equal(refused.answer.status, 405);
  assert.equal(refused.answer.headers.get("allow"), "POST");
  const plain = { method: "POST", headers: { "content-type": "text/plain" }, body: JSON.stringify({ query: mutation }) };
  assert.equal((await raw(server.url, plain)).answer.status, 415);
  const { leaderboard } = await server.graphql(`query ($id: ID!) { leaderboard(id: $id) { totalCount } }`, { id });
  assert.equal(leaderboard.totalCount, 1);
  const foreign = await raw(byGet(watch(id)), { headers: { origin: "https://evil.example" } });
  assert.equal(foreign.answer.status, 403);
  const own = await raw(byGet(watch(id)), { headers: { origin: server.origin } });
  assert.equal(await own.event(), total(1));
  await own.cancel();
});

test("a client that leaves gives its place back", async () => {
  const id = await board();
  const streams = async () => {
    const metrics = await (await fetch(`${server.origin}/metrics`)).text();
    return Number(/^hiscore_event_streams (\d+)$/m.exec(metrics)[1]);
  };
  const before = await streams();
  const sockets = [];
  for (let n = 0; n < 10; n++) {
    const socket = connect(server.port, "127.0.0.1");
    socket.write(`GET ${new URL(byGet(watch(id))).pathname}${new URL(byGet(watch(id))).search} HTTP/1.1\r\n`);
    socket.write("host: x\r\naccept: text/event-stream\r\n\r\n");
    await once(socket, "data");
    sockets.push(socket);
  }
  assert.equal(await streams(), before + 10);
  for (const socket of sockets) socket.destroy();
  const deadline = Date.now() + 20_000;
  while ((await streams()) > before) assert.ok(Date.now() < deadline, "streams of nobody are kept");
});

test("a shutdown ends streams so that clients come back", async () => {
  const own = await start();
  try {
    await own.graphql(CREATE, { id: "b" });
    const stream = await raw(byGet(watch("b"), own));
    assert.equal(await stream.event(), total(0));
    // What the client asks itself before it would connect again.
    let asked = 0;
    const live = client({ url: own.url, retryAttempts: 1, retry: async () => (asked += 1) });
    const events = live.iterate({ query: watch("b") });
    await next(events);
    const coming = events.next().then(
      () => assert.fail("it was told that it is complete"),
      (error) => error,
    );
    assert.equal(await own.stop(), 0);
    assert.equal(await stream.event(), null);
    await coming;
    assert.equal(asked, 1);
  } catch (error) {
    await own.stop("SIGKILL");
    throw error;
  }
});

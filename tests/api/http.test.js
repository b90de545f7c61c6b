// Over real sockets: what must be refused is refused with a GraphQL-shaped answer, and the connection lives on.

import assert from "node:assert/strict";
import { request } from "node:http";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { CREATE, SUBMIT, start } from "./server.js";

let server;
before(async () => {
  server = await start();
  await server.graphql(CREATE, { id: "b" });
});
after(() => server.stop());

const count = async () => (await server.graphql(`{ leaderboard(id: "b") { totalCount } }`)).leaderboard.totalCount;

async function refused(response, status, code) {
  assert.equal(response.status, status);
  const answer = await response.json();
  assert.ok(answer.errors[0].message, JSON.stringify(answer));
  assert.ok(!("data" in answer));
  if (code) assert.equal(answer.errors[0].extensions.code, code);
}

const mutation = `mutation { submitScore(input: { leaderboardId: "b", playerId: "evil", score: 1 }) { ack } }`;

test("a mutation by GET is 405 and does nothing", async () => {
  const response = await fetch(`${server.url}?query=${encodeURIComponent(mutation)}`);
  assert.equal(response.headers.get("allow"), "POST");
  await refused(response, 405);
  assert.equal(await count(), 0);
});

test("other media types are 415 and do nothing", async () => {
  const body = JSON.stringify({ query: mutation });
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
    await refused(await server.post(body, { "content-type": type }), 415);
  }
  assert.equal(await count(), 0);
});

test("batches are 400 and do nothing", async () => {
  await refused(await server.post([{ query: mutation }]), 400);
  await refused(await server.post([mutation]), 400);
  assert.equal(await count(), 0);
});

test("aliases, depth, tokens, rows and complexity are limited", async () => {
  const aliases = Array.from({ length: 31 }, (_, n) => `a${n}: __typename`).join(" ");
  const rows = Array.from({ length: 11 }, (_, n) => `a${n}: records(first: 1000) { nodes { rank } }`).join(" ");
  for (const query of [
    `{ ${aliases} }`,
    `{ __type(name: "Q") { ${"ofType { ".repeat(15)} name ${" }".repeat(15)} } }`,
    `{ ${"__typename ".repeat(2001)} }`,
    `{ ${"__typename ".repeat(401)} }`,
    `{ leaderboard(id: "b") { ${rows} } }`,
    `{ leaderboards(first: 100) { nodes { records(first: 1000) { nodes { rank } } } } }`,
    "{".repeat(100_000),
    "[".repeat(1990),
  ]) {
    await refused(await server.post({ query }), 400, "TOO_COMPLEX");
  }
});

test("a bad score anywhere executes nothing", async () => {
  const good = `a: submitScore(input: { leaderboardId: "b", playerId: "p", score: 1 }) { ack }`;
  for (const bad of ["1.0", "1e3", `"1"`, "9007199254740992", "9223372036854775808", "null"]) {
    const second = `b: submitScore(input: { leaderboardId: "b", playerId: "p", score: ${bad} }) { ack }`;
    await refused(await server.post({ query: `mutation { ${good} ${second} }` }), 400, "INVALID");
    const body = `{"query": ${JSON.stringify(SUBMIT)}, "variables": {"b": "b", "p": "p", "s": ${bad}}}`;
    await refused(await server.post(body), 400, "INVALID");
  }
  assert.equal(await count(), 0);
});

test("the largest scores come back exactly", async () => {
  for (const score of [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
    const { submitScore } = await server.graphql(SUBMIT, { b: "b", p: `p${score}`, s: score });
    assert.deepEqual(submitScore.userErrors, []);
    const { leaderboard } = await server.graphql(`query ($p: ID!) { leaderboard(id: "b") { record(playerId: $p) { score } } }`, {
      p: `p${score}`,
    });
    assert.equal(leaderboard.record.score, score);
  }
});

test("a body that is too long is 413, an ill one is 400, and the connection is answered", async () => {
  await refused(await server.post(`{"query": "{__typename}", "x": "${"x".repeat(9 << 20)}"}`), 413);
  await refused(await server.post("[".repeat(1 << 20)), 400);
  await refused(await server.post(`{"query": "{__typename}", "variables": ${`{"a":`.repeat(200_000)}`), 400);
  await refused(await server.post(Buffer.from([0x7b, 0xff, 0xfe, 0x7d]).toString("latin1")), 400);
});

test("a chunked body that is too long is cut off with 413", async () => {
  const status = await new Promise((resolve, reject) => {
    const sent = request(server.url, { method: "POST", headers: { "content-type": "application/json" } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    // Once answered, a broken pipe is what is to be expected.
    sent.on("error", reject);
    const chunk = "x".repeat(1 << 20);
    for (let n = 0; n < 9; n++) sent.write(chunk);
    sent.end();
  });
  assert.equal(status, 413);
});

test("rubbish on the wire does not hurt", async () => {
  for (const rubbish of ["\0\0\0\0\r\n\r\n", "POST /graphql HTTP/1.1\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "{".repeat(100_000)]) {
    await new Promise((resolve) => {
      const socket = connect(server.port, "127.0.0.1", () => socket.end(rubbish));
      socket.on("error", resolve).on("close", resolve).resume();
    });
  }
  assert.equal((await fetch(`${server.origin}/livez`)).status, 200);
});

test("probes, metrics and the page are there", async () => {
  const ready = await fetch(`${server.origin}/readyz?verbose`);
  assert.equal(ready.status, 200);
  assert.match(await ready.text(), /^\[\+\]/);
  assert.match(await (await fetch(`${server.origin}/metrics`)).text(), /hiscore_graphql_requests_total\{.*\} \d/);
  for (const path of ["/", "/graphiql"]) {
    const page = await fetch(`${server.origin}${path}`);
    assert.match(page.headers.get("content-security-policy"), /default-src 'none'/);
    assert.equal(page.headers.get("x-content-type-options"), "nosniff");
  }
});

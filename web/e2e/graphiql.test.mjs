// GraphiQL, served by the server itself: loads, runs a query and follows a subscription, with no request elsewhere.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, screenshot } from "./support/browser.mjs";
import { Server } from "./support/server.mjs";
import { until } from "./support/until.mjs";

/** @type {Server} */
let server;
/** @type {import("playwright-core").Browser} */
let browser;

before(async () => {
  [server, browser] = await Promise.all([Server.start(), launch()]);
});
after(async () => {
  await browser?.close();
  await server?.dispose();
});

/** @param {string} query */
async function graphiql(query) {
  const opened = await open(browser, `${server.url}/graphiql?query=${encodeURIComponent(query)}`);
  // The editor arrives in parts: before the query stands in it, a click would run nothing.
  await opened.page.locator(".graphiql-query-editor .CodeMirror-line").filter({ hasText: query }).waitFor();
  return opened;
}

/**
 * @param {import("playwright-core").Page} page
 * @param {RegExp} expected
 */
const answered = (page, expected) =>
  until(async () => assert.match((await page.locator(".result-window").textContent()) ?? "", expected));

test("a query is run and answered", async () => {
  await server.submit("cup", "ann", 42);
  const { page, close, assertClean } = await graphiql(
    '{ leaderboard(id: "cup") { records { nodes { playerId score } } } }',
  );
  await page.getByRole("button", { name: /execute query/i }).click();
  await answered(page, /"playerId": "ann".*"score": 42/s);
  await screenshot(page, "graphiql");
  assertClean();
  await close();
});

test("the schema is explored", async () => {
  const { page, close, assertClean } = await graphiql("{ __typename }");
  await page.getByRole("button", { name: /documentation explorer/i }).click();
  await page.getByRole("link", { name: "Subscription" }).first().waitFor();
  assertClean();
  await close();
});

test("a subscription is followed", async () => {
  await server.submit("live", "ann", 1);
  const { page, close, assertClean } = await graphiql(
    'subscription { leaderboardChanged(id: "live") { records { playerId score } } }',
  );
  await page.getByRole("button", { name: /execute query/i }).click();
  await answered(page, /"score": 1\b/);
  await server.submit("live", "ann", 77);
  await answered(page, /"score": 77\b/);
  assertClean();
  await close();
});

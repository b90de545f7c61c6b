// Over a real Redis that dies and comes back empty: the page says what its ranks are worth, and the operators' view of a
// server that has only a part of the work says so, with no zero for what it does not know.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { atRest, findings, launch, open, playersShown, screenshot, status } from "./support/browser.mjs";
import { Redis, withoutRedis } from "./support/redis.mjs";
import { Server } from "./support/server.mjs";
import { until, untilEqual } from "./support/until.mjs";

if (withoutRedis) console.log(`SKIPPED, all of tiers.test.mjs: ${withoutRedis}`);
const skip = withoutRedis ?? false;
/** So many that loading them into an empty Redis takes longer than a look at the board. */
const PLAYERS = 60_000;

/** @type {Redis} */
let redis;
/** @type {Server} */
let server;
/** @type {Server} */
let scoreboard;
/** @type {import("playwright-core").Browser} */
let browser;

before(async () => {
  if (skip) return;
  [redis, browser] = await Promise.all([Redis.start(), launch()]);
  server = await Server.start("--redis-url", redis.url, "--flush-interval", "100ms");
  await server.submitAll(
    "cup",
    Array.from({ length: PLAYERS }, (_, index) => ({ playerId: `p${index + 1}`, score: PLAYERS - index })),
  );
  // Of the store it needs no more than an address, while Redis has everything.
  const nowhere = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500";
  scoreboard = await Server.start("--role", "scoreboard", "--redis-url", redis.url, "--mongodb-url", nowhere);
});
after(async () => {
  await browser?.close();
  await scoreboard?.dispose();
  await server?.dispose();
  await redis?.dispose();
});

/** @param {Server} server */
const dirty = async (server) =>
  Number(/^hiscore_funnel_dirty_records (\S+)/m.exec(await (await fetch(`${server.url}/metrics`)).text())?.[1]);

/** @param {import("playwright-core").Page} page */
const verdict = (page) => page.locator("[data-verdict]").getAttribute("data-verdict");

/** @param {import("playwright-core").Page} page */
const charts = (page) => page.locator(".chart-title").allTextContents();

test("a server that only shows boards says where the funnel is, and shows what it has itself", { skip }, async () => {
  const { page, close, assertClean } = await open(browser, `${scoreboard.url}/?view=funnel`);
  await untilEqual(() => verdict(page), "elsewhere");
  await page.getByText("servers of the role persist").waitFor();
  await untilEqual(() => charts(page), ["Watching", "Told"]);
  await page.locator(".parts").getByText("scoreboard", { exact: true }).waitFor();
  assert.deepEqual(await findings(page), []);
  await screenshot(page, "funnel-elsewhere");
  assertClean();
  await close();
});

test("where Redis ranks the funnel has no journal, and no zeros for one", { skip }, async () => {
  const { page, close, assertClean } = await open(browser, `${server.url}/?view=funnel`);
  await untilEqual(() => verdict(page), "idle", 30_000);
  const direct = ["Updates in", "Pending", "Redis", "Coalesced", "Written", "Dirty", "Lag", "Watching", "Told"];
  await untilEqual(() => charts(page), direct);
  await until(async () => assert.ok((await page.locator(".chart .line").count()) >= 8));
  await screenshot(page, "funnel-direct");
  assertClean();
  await close();
});

test("with Redis away the page is read from the store and says so; while it is loaded it tells no ranks", {
  skip,
}, async () => {
  await until(async () => assert.equal(await dirty(server), 0), 60_000);
  const { page, close, assertClean } = await open(browser, `${server.url}/?board=cup&player=p3`);
  await untilEqual(() => status(page), "live");
  const best = (await playersShown(page)).slice(0, 3);
  assert.deepEqual(best, ["p1", "p2", "p3"]);

  await redis.kill();
  await untilEqual(() => status(page), "stored", 30_000);
  await page.getByText("The ranking tier is away").waitFor();
  assert.deepEqual((await playersShown(page)).slice(0, 3), best);
  await page.getByText("60,000 players", { exact: true }).waitFor();
  await atRest(page);
  await screenshot(page, "stored");

  // However short it is, the page must have said it.
  await page.evaluate(() => {
    /** @type {{ said: Set<string>, ranked: Set<string> }} */
    const seen = Object.assign(globalThis, { said: new Set(), ranked: new Set() });
    const look = () => {
      const said = document.querySelector("[data-status]")?.getAttribute("data-status") ?? "";
      seen.said.add(said);
      // Drawn together with the table, which the chip is not.
      if (!document.querySelector(".notice")?.textContent?.includes("still being loaded")) return;
      for (const rank of document.querySelectorAll(".board tbody .rank-number"))
        seen.ranked.add(rank.textContent ?? "");
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
  });
  await redis.start();
  await untilEqual(() => status(page), "live", 60_000);
  const seen = await page.evaluate(() => {
    const { said, ranked } = Object(globalThis);
    return { said: [...said], ranked: [...ranked] };
  });
  assert.ok(seen.said.includes("warming"), `the page said ${seen.said}`);
  assert.deepEqual(
    seen.ranked.filter((rank) => /\d/.test(rank)),
    [],
    "ranks while they are loaded",
  );
  await untilEqual(async () => (await playersShown(page)).slice(0, 3), best);
  await server.submit("cup", "newcomer", PLAYERS + 1);
  await untilEqual(async () => (await playersShown(page)).slice(0, 3), ["newcomer", "p1", "p2"]);
  assertClean();
  await close();
});

test("a board that can be read nowhere says that it may be old, and keeps what it shows", { skip }, async () => {
  const { page, close, assertClean } = await open(browser, `${scoreboard.url}/?board=cup`);
  await untilEqual(() => status(page), "live", 30_000);
  const shown = await playersShown(page);
  await redis.kill();
  await untilEqual(() => status(page), "stored", 30_000);
  assert.deepEqual(await playersShown(page), shown);
  await redis.start();
  await untilEqual(() => status(page), "live", 60_000);
  assertClean();
  await close();
});

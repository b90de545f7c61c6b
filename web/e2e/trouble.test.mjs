// The server dies and comes back: the page says so, keeps the last table, and catches up without being touched.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, playersShown, screenshot, status } from "./support/browser.mjs";
import { Server } from "./support/server.mjs";
import { until, untilEqual } from "./support/until.mjs";

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

test("a killed server leaves the table and its age; restarted, the page catches up", async () => {
  await server.submit("cup", "ann", 30);
  await server.submit("cup", "bob", 20);
  const { page, close, assertClean } = await open(browser, `${server.url}/?board=cup`);
  await untilEqual(() => playersShown(page), ["ann", "bob"]);
  await untilEqual(() => status(page), "live");

  await server.kill();
  await untilEqual(() => status(page), "reconnecting");
  await page.getByText("This is the board as it was").waitFor();
  assert.deepEqual(await playersShown(page), ["ann", "bob"]);
  await untilEqual(() => status(page), "stale", 30_000);
  await until(async () => assert.match((await page.locator(".chip .age").textContent()) ?? "", /^\d+ s$/));
  assert.deepEqual(await playersShown(page), ["ann", "bob"]);
  await screenshot(page, "stale");

  await server.start();
  await server.submit("cup", "bob", 40);
  await untilEqual(() => playersShown(page), ["bob", "ann"], 30_000);
  await untilEqual(() => status(page), "live");
  assert.equal(await page.locator(".notice").count(), 0);

  // And it is truly live again, not merely refreshed once.
  await server.submit("cup", "cid", 50);
  await untilEqual(() => playersShown(page), ["cid", "bob", "ann"]);
  assertClean({ serverWasAway: true });
  await close();
});

test("a board that is gone says so and stays in sight; when it is back, so is the page", async () => {
  await server.submit("mortal", "ann", 30);
  const { page, close, assertClean } = await open(browser, `${server.url}/?board=mortal`);
  await untilEqual(() => status(page), "live");
  await server.kill();
  server.forget();
  await server.start();
  await page.getByText("This board no longer exists.").waitFor({ timeout: 30_000 });
  assert.deepEqual(await playersShown(page), ["ann"]);
  assert.notEqual(await status(page), "live");
  await screenshot(page, "gone");
  await server.submit("mortal", "bob", 5);
  await untilEqual(() => playersShown(page), ["bob"], 30_000);
  await untilEqual(() => status(page), "live");
  assertClean({ serverWasAway: true });
  await close();
});

test("a device without network says offline, and keeps the table", async () => {
  await server.submit("cup", "cid", 50);
  const { page, close, assertClean } = await open(browser, `${server.url}/?board=cup`);
  await untilEqual(() => status(page), "live");
  const shown = await playersShown(page);
  await page.context().setOffline(true);
  await server.kill();
  await untilEqual(() => status(page), "offline");
  await page.getByText("This device is offline.").waitFor();
  assert.deepEqual(await playersShown(page), shown);
  await screenshot(page, "offline");
  await server.start();
  await page.context().setOffline(false);
  await untilEqual(() => status(page), "live", 30_000);
  assertClean({ serverWasAway: true });
  await close();
});

test("a clock that is an hour off makes nothing older, or younger, than it is", async () => {
  await server.submit("clock", "ann", 1);
  for (const hours of [-1, 1]) {
    const { page, close, assertClean } = await open(browser, `${server.url}/?board=clock`, {
      clockOffMs: hours * 3_600_000,
    });
    await untilEqual(() => status(page), "live");
    // From the last column, since "now" is also what a time ahead of the clock would be called.
    await until(async () =>
      assert.match((await page.locator("tbody .when").textContent()) ?? "", /^([5-9]|\d\d)s ago$/),
    );
    assertClean();
    await close();
  }
});

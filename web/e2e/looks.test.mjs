// The page for everybody's eyes and hands: axe's rules, light and dark, wide and phone, and less motion if asked.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { atRest, findings, launch, open, PHONE, playersShown, screenshot, WIDE } from "./support/browser.mjs";
import { Server } from "./support/server.mjs";
import { until, untilEqual } from "./support/until.mjs";

/** @type {Server} */
let server;
/** @type {import("playwright-core").Browser} */
let browser;

const PLAYERS =
  "Ada Grace Linus Margaret Edsger Barbara Donald Radia Ken Frances Alan Hedy Katherine Dennis Joan Sophie Jean".split(
    " ",
  );

before(async () => {
  [server, browser] = await Promise.all([Server.start(), launch()]);
});
after(async () => {
  await browser?.close();
  await server?.dispose();
});

for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
  test(`axe finds nothing serious without boards (${colorScheme})`, async () => {
    const { page, close, assertClean } = await open(browser, `${server.url}/?board=none`, { ...WIDE, colorScheme });
    await page.getByText("There is no board").waitFor();
    assert.deepEqual(await findings(page), []);
    assertClean();
    await close();
  });

  for (const [name, size] of Object.entries({ wide: WIDE, phone: PHONE })) {
    test(`axe finds nothing serious on the board (${colorScheme}, ${name})`, async () => {
      for (const [index, player] of PLAYERS.entries()) {
        await server.submit("weekly-cup", player, 24_000 - index * 1_130);
      }
      const { page, close, assertClean } = await open(browser, `${server.url}/?board=weekly-cup`, {
        ...size,
        colorScheme,
      });
      await until(async () => assert.equal((await playersShown(page)).length, PLAYERS.length));
      await atRest(page);
      assert.deepEqual(await findings(page), []);
      assert.equal(
        await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
        0,
      );
      await screenshot(page, `board-${name}-${colorScheme}`);
      assertClean();
      await close();
    });
  }
}

test("who asked for less motion gets none: a row that overtakes is in its place at once", async () => {
  await server.submit("calm", "ann", 2);
  await server.submit("calm", "bob", 1);
  const { page, close, assertClean } = await open(browser, `${server.url}/?board=calm`, { reducedMotion: "reduce" });
  await untilEqual(() => playersShown(page), ["ann", "bob"]);
  await server.submit("calm", "bob", 3);
  await untilEqual(() => playersShown(page), ["bob", "ann"]);
  const moving = await page.evaluate(
    () => document.getAnimations().filter((animation) => !(animation instanceof CSSAnimation)).length,
  );
  assert.equal(moving, 0);
  assertClean();
  await close();
});

test("everything that can be used is reached by keyboard, in order", async () => {
  await server.submit("calm", "ann", 2);
  const { page, close, assertClean } = await open(browser, `${server.url}/?board=calm`);
  await until(async () => assert.notEqual((await playersShown(page)).length, 0));
  const reached = [];
  for (let stop = 0; stop < 9; stop++) {
    await page.keyboard.press("Tab");
    reached.push(
      await page.evaluate(() => document.activeElement?.getAttribute("href") ?? document.activeElement?.tagName),
    );
  }
  assert.deepEqual(reached, [
    "/",
    "SELECT",
    "/?view=funnel&board=calm",
    "INPUT",
    "BUTTON",
    "BUTTON",
    "SELECT",
    "/graphiql",
    "/metrics",
  ]);
  assertClean();
  await close();
});

test("one polite live region says what cannot be seen", async () => {
  await server.submit("calm", "ann", 2);
  const { page, close, assertClean } = await open(browser, `${server.url}/?board=calm&player=ann`);
  const region = page.locator("[aria-live], [role=status], [role=alert], [role=log]");
  await until(async () => assert.match((await region.textContent()) ?? "", /Live\./));
  assert.equal(await region.count(), 1);
  await until(async () => assert.match((await region.textContent()) ?? "", /ann is at rank/), 30_000);
  assertClean();
  await close();
});

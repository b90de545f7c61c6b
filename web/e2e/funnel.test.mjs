// The operators' view over a real server: its counts rise, its verdict is right, and so is its silence.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { findings, launch, open, PHONE, screenshot, status, WIDE } from "./support/browser.mjs";
import { Server } from "./support/server.mjs";
import { until, untilEqual } from "./support/until.mjs";

/** @type {Server} */
let server;
/** @type {import("playwright-core").Browser} */
let browser;

before(async () => {
  [server, browser] = await Promise.all([Server.start(), launch()]);
  await server.submit("cup", "ann", 1);
});
after(async () => {
  await browser?.close();
  await server?.dispose();
});

/**
 * @param {import("playwright-core").Page} page
 * @param {string} title
 */
const measure = (page, title) =>
  page
    .locator(".chart", { has: page.getByText(title, { exact: true }) })
    .locator("strong")
    .textContent();

/** @param {import("playwright-core").Page} page */
const verdict = (page) => page.locator("[data-verdict]").getAttribute("data-verdict");

test("what goes in is seen to come out at the other end, and when nobody plays it says so", async () => {
  const { page, close, assertClean } = await open(browser, `${server.url}/?board=cup`);
  await page.getByRole("link", { name: "Funnel" }).click();
  await untilEqual(() => verdict(page), "idle");
  await untilEqual(() => status(page), "live");

  let score = 1;
  await until(async () => {
    // A player who scores on and on: many updates, few writes.
    for (let times = 0; times < 20; times++) await server.submit("cup", "ann", ++score);
    assert.match((await measure(page, "Updates in")) ?? "", /^[1-9]/);
    assert.match((await measure(page, "Commits")) ?? "", /^[1-9]/);
    assert.match((await measure(page, "Written")) ?? "", /^(0\.|[1-9])/);
    assert.match((await measure(page, "Coalesced")) ?? "", /^([2-9]|\d\d).* : 1$/);
    assert.equal(await verdict(page), "keeping up");
  }, 30_000);
  assert.match((await measure(page, "Journal")) ?? "", /^\d.*MiB$/);
  await page.locator(".parts").getByText("committer").waitFor();
  await until(async () => assert.equal(await page.locator(".chart .line").count(), 10));
  await screenshot(page, "funnel");

  await page.getByRole("link", { name: "Board" }).click();
  await page.getByRole("heading", { name: "cup" }).waitFor();
  assertClean();
  await close();
});

test("a server that is away is told from one that is idle, and the last of it stays", async () => {
  const { page, close, assertClean } = await open(browser, `${server.url}/?view=funnel`);
  await untilEqual(() => verdict(page), "idle", 30_000);
  await server.kill();
  await untilEqual(() => verdict(page), "silent", 30_000);
  await untilEqual(() => status(page), "stale");
  assert.match((await measure(page, "Journal")) ?? "", /^\d/);
  await screenshot(page, "funnel-silent");
  await server.start();
  await untilEqual(() => verdict(page), "idle", 30_000);
  assertClean({ serverWasAway: true });
  await close();
});

for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
  test(`axe finds nothing serious on the funnel (${colorScheme})`, async () => {
    for (const [name, size] of Object.entries({ wide: WIDE, phone: PHONE })) {
      const { page, close, assertClean } = await open(browser, `${server.url}/?view=funnel`, { ...size, colorScheme });
      await page.locator(".parts").waitFor();
      assert.deepEqual(await findings(page), []);
      assert.equal(
        await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
        0,
      );
      await screenshot(page, `funnel-${name}-${colorScheme}`);
      assertClean();
      await close();
    }
  });
}

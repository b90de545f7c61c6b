// Find me: the followed player stays in sight, with the places around it, however far down it stands.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { findings, launch, open, PHONE, screenshot, WIDE } from "./support/browser.mjs";
import { Server } from "./support/server.mjs";
import { until, untilEqual } from "./support/until.mjs";

/** @type {Server} */
let server;
/** @type {import("playwright-core").Browser} */
let browser;

before(async () => {
  [server, browser] = await Promise.all([Server.start(), launch()]);
  await server.submitAll(
    "league",
    Array.from({ length: 300 }, (_, index) => ({ playerId: `player ${index + 1}`, score: 100_000 - index * 10 })),
  );
});
after(async () => {
  await browser?.close();
  await server?.dispose();
});

/** @param {import("playwright-core").Page} page */
const neighbours = (page) => page.locator(".neighbourhood .name").allTextContents();

test("a player far down is found, stays in sight, and its climb is told", async () => {
  const { page, close, assertClean } = await open(browser, `${server.url}/?board=league`);
  await page.getByLabel("Your player id").fill("player 200");
  await page.getByLabel("Your player id").press("Enter");
  const own = page.locator(".me-row");
  await untilEqual(() => own.locator(".rank-number").textContent(), "200");
  assert.equal(new URL(page.url()).searchParams.get("player"), "player 200");
  await untilEqual(
    () => neighbours(page),
    [197, 198, 199, 200, 201, 202, 203].map((n) => `player ${n}`),
  );
  await untilEqual(() => own.locator(".gap").textContent(), "10 behind player 199");

  await page.mouse.wheel(0, 1_500);
  await until(async () => assert.ok((await page.evaluate(() => scrollY)) > 500));
  assert.ok(await own.evaluate((row) => row.getBoundingClientRect().top >= 0));

  // The table has made room for all this, and none of its own rows moves.
  await page.evaluate(() => {
    const { animate } = Element.prototype;
    Object.assign(globalThis, { glides: 0 });
    Element.prototype.animate = /** @type {typeof animate} */ (
      function (keyframes, options) {
        if (this instanceof HTMLTableRowElement) Object(globalThis).glides++;
        return animate.call(this, keyframes, options);
      }
    );
  });
  await server.submit("league", "player 200", 98_995);
  await untilEqual(() => own.locator(".rank-number").textContent(), "102");
  assert.equal(await own.locator(".movement").textContent(), "up ▲98");
  await untilEqual(() => own.locator(".gap").textContent(), "5 behind player 101");
  assert.match((await own.locator(".sparkline").textContent()) ?? "", /^\+985 in /);
  assert.match((await own.locator(".sparkline path").getAttribute("d")) ?? "", /^M0 32H[\d.]+V0H/);

  assert.equal(await page.evaluate(() => Object(globalThis).glides), 0);

  // A neighbour moves, the player itself does not.
  await server.submit("league", "player 103", 98_991);
  await until(async () => assert.equal((await neighbours(page))[4], "player 103"));
  await page.evaluate(() => scrollTo(0, 0));
  await screenshot(page, "find-me");

  await page.getByRole("button", { name: "Stop following" }).click();
  await own.waitFor({ state: "detached" });
  await page.goBack();
  await untilEqual(() => own.locator(".rank-number").textContent(), "102");
  assertClean();
  await close();
});

test("who is in the table is marked there, and the first is told the lead", async () => {
  const { page, close, assertClean } = await open(browser, `${server.url}/?board=league&player=player+1`);
  await untilEqual(() => page.locator("tr[aria-current] .name").textContent(), "player 1");
  await untilEqual(() => page.locator(".gap").textContent(), "In the lead, 10 ahead of player 2");
  assertClean();
  await close();
});

test("a player that does not exist says so, and appears with a first score", async () => {
  const hostile = "<b>nobody</b>\u202E";
  const { page, close, assertClean } = await open(
    browser,
    `${server.url}/?board=league&player=${encodeURIComponent(hostile)}`,
  );
  await page.getByText("There is no player <b>nobody</b>⟨U+202E⟩ on this board").waitFor();
  await screenshot(page, "find-nobody");
  await server.submit("league", hostile, 5);
  await untilEqual(() => page.locator(".me-row .rank-number").textContent(), "301");
  assertClean();
  await close();
});

test("an id that no player can have says why", async () => {
  const { page, close, assertClean } = await open(browser, `${server.url}/?board=league&player=${"x".repeat(200)}`);
  await page.getByText("cannot be shown").waitFor();
  assertClean();
  await close();
});

for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
  test(`axe finds nothing serious where a player is followed (${colorScheme})`, async () => {
    for (const [name, size] of Object.entries({ wide: WIDE, phone: PHONE })) {
      const { page, close, assertClean } = await open(browser, `${server.url}/?board=league&player=player+77`, {
        ...size,
        colorScheme,
      });
      await until(async () => assert.equal((await neighbours(page)).length, 7));
      assert.deepEqual(await findings(page), []);
      await screenshot(page, `find-me-${name}-${colorScheme}`);
      assertClean();
      await close();
    }
  });
}

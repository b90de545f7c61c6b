// The board in a real browser over a real server: what happens there is seen here, in the same order.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, PHONE, playersShown, screenshot, status } from "./support/browser.mjs";
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

test("without a board it says how to get one, and shows the first one by itself", async () => {
  const { page, close, assertClean } = await open(browser, server.url);
  await page.getByRole("heading", { name: "No boards yet" }).waitFor();
  await page.getByText("hiscore simulate").waitFor();
  await untilEqual(() => status(page), "live");
  await screenshot(page, "empty");

  await server.createBoard("first-board");
  await page.getByRole("heading", { name: "first-board" }).waitFor();
  await page.getByText("Nobody has scored in this season yet").waitFor();
  await server.submit("first-board", "ann", 7);
  await untilEqual(() => playersShown(page), ["ann"]);
  assertClean();
  await close();
});

test("an update is seen, in the API's order, and who is overtaken moves down", async () => {
  for (const [player, score] of /** @type {const} */ ([
    ["ann", 300],
    ["bob", 200],
    ["cid", 100],
  ])) {
    await server.submit("race", player, score);
  }
  const { page, close, assertClean } = await open(browser, `${server.url}/?board=race`);
  await untilEqual(() => playersShown(page), ["ann", "bob", "cid"]);
  assert.equal(await page.title(), "race · hiscore");
  await page.getByText("3 players", { exact: true }).waitFor();
  await page.getByText("Season 1", { exact: true }).waitFor();

  // The row's element must survive: only then can it glide, and keep focus and selection.
  const cid = await page.locator("tbody tr", { hasText: "cid" }).elementHandle();
  await server.submit("race", "cid", 1_234_567);
  await untilEqual(() => playersShown(page), ["cid", "ann", "bob"]);
  assert.deepEqual(await playersShown(page), await server.order("race"));
  assert.equal(await cid?.evaluate((row) => row.parentElement?.firstElementChild === row), true);
  const winner = page.locator("tbody tr").first();
  assert.equal(await winner.locator(".score").textContent(), "1,234,567");
  assert.equal(await winner.locator(".rank-number").textContent(), "1");
  assert.equal(await winner.locator(".movement").textContent(), "up ▲2");
  const loser = page.locator("tbody tr").nth(2);
  assert.equal(await loser.locator(".movement").textContent(), "down ▼1");

  await server.submit("race", "dan", 250);
  await untilEqual(() => playersShown(page), ["cid", "ann", "dan", "bob"]);
  await page.getByText("4 players", { exact: true }).waitFor();
  // Movement is told against a baseline, not against the push before: nothing of it has faded.
  assert.deepEqual(await page.locator("tbody .movement").allTextContents(), ["up ▲2", "down ▼1", "new", "down ▼2"]);
  await page.getByLabel("Moves").selectOption("in the last minute");
  assert.equal(await winner.locator(".movement").textContent(), "up ▲2");
  assertClean();
  await close();
});

test("subscores are shown where there are any, and fifty rows at most", async () => {
  await server.submit("plain", "ann", 10);
  await server.submitAll(
    "tied",
    Array.from({ length: 60 }, (_, index) => ({ playerId: `p${index}`, score: 10, subscore: 60 - index })),
  );
  const { page, close, assertClean } = await open(browser, `${server.url}/?board=tied`);
  await until(async () => assert.equal((await playersShown(page)).length, 50));
  assert.equal(await page.locator("tbody .score").first().textContent(), "10, subscore 60");
  await page.goto(`${server.url}/?board=plain`);
  await untilEqual(() => page.locator("tbody .score").allTextContents(), ["10"]);
  assertClean();
  await close();
});

test("the largest scores are exact, in the viewer's number format", async () => {
  await server.submit("huge", "max", Number.MAX_SAFE_INTEGER);
  await server.submit("huge", "min", -Number.MAX_SAFE_INTEGER);
  const { page, close, assertClean } = await open(browser, `${server.url}/?board=huge`, { locale: "de-DE" });
  await untilEqual(
    () => page.locator("tbody .score").allTextContents(),
    ["9.007.199.254.740.991", "-9.007.199.254.740.991"],
  );
  assertClean();
  await close();
});

test("a new season empties the table and says so", async () => {
  await server.submit("seasonal", "ann", 1);
  const { page, close, assertClean } = await open(browser, `${server.url}/?board=seasonal`);
  await untilEqual(() => playersShown(page), ["ann"]);
  await server.graphql('mutation { resetLeaderboard(id: "seasonal") { userErrors { message } } }');
  await page.locator(".notice", { hasText: "Season 2 has begun." }).waitFor();
  await page.getByText("Nobody has scored in this season yet").waitFor();
  assert.equal(await page.getByLabel("Season", { exact: true }).inputValue(), "2");

  // The ended one is still there to be read, and no more.
  await page.getByRole("button", { name: "See how season 1 ended" }).click();
  await untilEqual(() => playersShown(page), ["ann"]);
  await untilEqual(() => status(page), "final");
  assert.equal(new URL(page.url()).searchParams.get("version"), "1");
  await server.submit("seasonal", "bob", 9);
  await page.getByLabel("Season", { exact: true }).selectOption("2");
  await untilEqual(() => playersShown(page), ["bob"]);
  await untilEqual(() => status(page), "live");
  assertClean();
  await close();
});

test("the picker leads to another board by keyboard, into the address, and back", async () => {
  await server.submit("alpha", "in-alpha", 1);
  await server.submit("beta", "in-beta", 1);
  const { page, close, assertClean } = await open(browser, `${server.url}/?board=alpha`);
  await untilEqual(() => playersShown(page), ["in-alpha"]);
  const picker = page.getByLabel("Board", { exact: true });
  await until(async () => assert.ok((await picker.locator("option").allTextContents()).includes("beta")));
  await picker.focus();
  await page.keyboard.type("beta");
  await untilEqual(() => playersShown(page), ["in-beta"]);
  assert.equal(new URL(page.url()).searchParams.get("board"), "beta");
  await page.goBack();
  await untilEqual(() => playersShown(page), ["in-alpha"]);
  assertClean();
  await close();
});

test("a link to a board that does not exist yet waits for it", async () => {
  const { page, close, assertClean } = await open(browser, `${server.url}/?board=to-come`);
  await page.getByText("There is no board").waitFor();
  await server.submit("to-come", "ann", 5);
  await untilEqual(() => playersShown(page), ["ann"], 30_000);
  assertClean();
  await close();
});

test("hostile names are shown as text, legibly, and stay in their place", async () => {
  const names = [
    "<img src=x onerror=alert(1)><script>alert(2)</script>",
    '"><svg/onload=alert(3)>',
    "\u202Eexe.gnp",
    "\u2069\u2069 broke out",
    "محمد ٣ العاب",
    "👩‍👩‍👧‍👦🏳️‍🌈",
    `Zz${"\u0301\u0327\u0316".repeat(21)}`,
    "\u200B\u200B",
    "W".repeat(128),
    "javascript:alert(4)",
  ];
  for (const [index, name] of names.entries()) {
    await server.submit("hostile", name, Number.MAX_SAFE_INTEGER - index);
  }
  for (const options of [undefined, PHONE]) {
    const { page, close, assertClean } = await open(browser, `${server.url}/?board=hostile`, options);
    await until(async () => assert.equal((await playersShown(page)).length, names.length));
    const shown = await playersShown(page);
    assert.equal(shown[0], names[0]);
    assert.equal(shown[2], "⟨U+202E⟩exe.gnp");
    assert.equal(shown[7], "⟨U+200B U+200B⟩");
    // Nothing sticks out: neither the page nor, however high marks are piled, a name over its row.
    const measures = await page.evaluate(() => ({
      overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      outside: Array.from(document.querySelectorAll("tbody tr"), (row) => {
        const name = row.querySelector(".name")?.getBoundingClientRect();
        const own = row.getBoundingClientRect();
        return !name || name.top < own.top || name.bottom > own.bottom || name.width === 0 || name.right > own.right;
      }).filter(Boolean).length,
    }));
    assert.deepEqual(measures, { overflow: 0, outside: 0 });
    await screenshot(page, options === PHONE ? "hostile-phone" : "hostile");
    assertClean();
    await close();
  }
});

// The board below its top, over a million players: more than a browser can be tall, scrolled anywhere.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { findings, launch, open, PHONE, playersShown, screenshot, status } from "./support/browser.mjs";
import { Server } from "./support/server.mjs";
import { until, untilEqual } from "./support/until.mjs";

/** So many rows are 50 million pixels, and a browser gets 8. */
const PLAYERS = 1_000_000;

/** @type {Server} */
let server;
/** @type {import("playwright-core").Browser} */
let browser;

before(async () => {
  [server, browser] = await Promise.all([Server.start(), launch()]);
  await server.submitAll(
    "masses",
    Array.from({ length: PLAYERS }, (_, index) => ({ playerId: `p${index + 1}`, score: PLAYERS - index })),
  );
});
after(async () => {
  await browser?.close();
  await server?.dispose();
});

/**
 * What the rows in the window show, top to bottom, once none of them is awaited.
 * @param {import("playwright-core").Page} page
 */
const inSight = (page) =>
  until(() =>
    page.evaluate(() => {
      const shown = [...document.querySelectorAll(".rest-row")]
        .map((row) => ({ row, top: row.getBoundingClientRect().top }))
        .filter(({ top }) => top > 0 && top < innerHeight - 60)
        .sort((a, b) => a.top - b.top);
      const texts = shown.map(({ row }) => ({
        rank: Number(row.getAttribute("aria-rowindex")),
        name: row.querySelector(".name")?.textContent,
      }));
      if (texts.length < 5 || texts.some(({ name }) => !name)) throw new Error(JSON.stringify(texts));
      return texts;
    }),
  );

/** @param {{ rank: number, name: string | null | undefined }[]} rows */
const assertInOrder = (rows) => {
  for (const [index, { rank, name }] of rows.entries()) {
    assert.equal(name, `p${rank}`);
    assert.equal(rank, (rows[0]?.rank ?? 0) + index);
  }
};

test("it is scrolled to its middle and its end, pixel by pixel and by leaps", async () => {
  const { page, close, assertClean } = await open(browser, `${server.url}/?board=masses`);
  await until(async () => assert.equal((await playersShown(page)).length, 50));
  await page.locator(".rest").waitFor();

  // Where the table ends the rest begins.
  await page.locator(".board tbody tr").last().scrollIntoViewIfNeeded();
  await page.mouse.move(600, 500);
  await page.mouse.wheel(0, 600);
  const first = await inSight(page);
  assertInOrder(first);
  assert.ok((first[0]?.rank ?? 0) < 60, JSON.stringify(first[0]));

  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight / 2));
  await until(async () => assert.ok(Math.abs(((await inSight(page))[0]?.rank ?? 0) - PLAYERS / 2) < 2_000));
  const middle = await inSight(page);
  assertInOrder(middle);
  await screenshot(page, "rest-middle");

  // A turn of the wheel moves some rows on, not thousands.
  await page.mouse.wheel(0, 520);
  const from = middle[0]?.rank ?? 0;
  await until(async () => assert.ok(((await inSight(page))[0]?.rank ?? 0) > from));
  const further = await inSight(page);
  assertInOrder(further);
  assert.ok((further[0]?.rank ?? 0) <= from + 11, `${from} → ${further[0]?.rank}`);

  await page.keyboard.press("End");
  await until(async () => assert.equal((await inSight(page)).at(-1)?.rank, PLAYERS));
  assertInOrder(await inSight(page));
  assert.ok((await page.locator(".rest-row").count()) < 60);
  await screenshot(page, "rest-end");

  await page.keyboard.press("Home");
  await page.getByRole("heading", { name: "masses" }).waitFor();
  assertClean();
  await close();
});

test("a rank and a player are gone to by name, and rows follow the board", async () => {
  const { page, close, assertClean } = await open(browser, `${server.url}/?board=masses&player=p150000`);
  await page.getByRole("button", { name: "Show in the table" }).click();
  await page.locator(".rest-row[aria-current]").getByText("p150000").waitFor();
  assertInOrder((await inSight(page)).filter(({ rank }) => rank > 149_900));
  await screenshot(page, "rest-own");

  await page.getByLabel("Rank to go to").fill("120,000");
  await page.getByLabel("Rank to go to").press("Enter");
  await page.locator(".rest-row[data-sought]").getByText("p120000").waitFor();

  // Rows in sight are asked for again when the board moves.
  await server.submit("masses", "newcomer", PLAYERS - 120_000 + 2);
  await page.locator(".rest-row[data-sought]").getByText("newcomer").waitFor();
  await server.graphql('mutation { deleteRecord(leaderboardId: "masses", playerId: "newcomer") { deleted } }');
  await page.locator(".rest-row[data-sought]").getByText("p120000").waitFor();
  assertClean();
  await close();
});

test("whoever flies by asks for little: pages out of sight are not asked for, or cancelled", async () => {
  const { page, close, assertClean } = await open(browser, `${server.url}/?board=masses`);
  await page.locator(".rest").waitFor();
  let asked = 0;
  page.on("request", (request) => {
    if (request.postData()?.includes("query Rows")) asked++;
  });
  await page.evaluate(async () => {
    for (let step = 1; step <= 40; step++) {
      scrollTo(0, step * 100_000);
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
  });
  assertInOrder(await inSight(page));
  assert.ok(asked < 20, `${asked} requests`);
  assertClean();
  await close();
});

test("paused it stands still and grows old; resumed it is the present again", async () => {
  await server.submit("race", "ann", 10);
  await server.submit("race", "bob", 5);
  const { page, close, assertClean } = await open(browser, `${server.url}/?board=race`);
  await untilEqual(() => playersShown(page), ["ann", "bob"]);
  await page.getByRole("button", { name: "Pause" }).click();
  await untilEqual(() => status(page), "paused");
  await server.submit("race", "bob", 20);
  await until(async () => assert.match((await page.locator(".chip .age").textContent()) ?? "", /^[2-9] s$/));
  await page.getByText(/Paused\. This is the board as it was \d s ago/).waitFor();
  assert.deepEqual(await playersShown(page), ["ann", "bob"]);
  await screenshot(page, "paused");
  await page.getByRole("button", { name: "Resume" }).click();
  await untilEqual(() => playersShown(page), ["bob", "ann"]);
  await untilEqual(() => status(page), "live");
  assertClean();
  await close();
});

test("an ended season is scrolled to its end, and one to come is not made up", async () => {
  await server.submitAll(
    "eras",
    Array.from({ length: 777 }, (_, index) => ({ playerId: `p${index + 1}`, score: 1_000 - index })),
  );
  await server.graphql('mutation { resetLeaderboard(id: "eras") { userErrors { message } } }');
  const { page, close, assertClean } = await open(browser, `${server.url}/?board=eras&version=1&player=p700`);
  await page.getByText("777 players").waitFor();
  await page.getByText("Season 1 is over").waitFor();
  await untilEqual(() => page.locator(".me-row .rank-number").textContent(), "700");
  await screenshot(page, "past-season");
  await page.locator(".rest").waitFor();
  await page.keyboard.press("End");
  await until(async () => assert.equal((await inSight(page)).at(-1)?.name, "p777"));
  await page.goto(`${server.url}/?board=eras&version=9`);
  await page.getByText("There is no season 9 of this board yet; the present one is 2.").waitFor();
  await page.getByRole("button", { name: "See it" }).click();
  await untilEqual(() => status(page), "live");
  await page.goto(`${server.url}/?board=${encodeURIComponent("{no}")}`);
  await page.getByText("No board can have this id").waitFor();
  assertClean();
  await close();
});

for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
  test(`axe finds nothing serious deep in a board (${colorScheme})`, async () => {
    const { page, close, assertClean } = await open(browser, `${server.url}/?board=masses`, { ...PHONE, colorScheme });
    await page.locator(".rest").waitFor();
    await page.getByLabel("Rank to go to").fill("1000");
    await page.getByLabel("Rank to go to").press("Enter");
    await page.locator(".rest-row[data-sought]").getByText("p1000").waitFor();
    assert.deepEqual(await findings(page), []);
    await screenshot(page, `rest-phone-${colorScheme}`);
    assertClean();
    await close();
  });
}

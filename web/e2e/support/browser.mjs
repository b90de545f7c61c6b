// A real browser, and a page in it that remembers everything it should not have done.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import axe from "axe-core";
import { chromium } from "playwright-core";

/** @returns {Promise<import("playwright-core").Browser>} */
export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });

export const WIDE = { viewport: { width: 1280, height: 900 } };
export const PHONE = { viewport: { width: 375, height: 812 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

/** What a browser prints when the server is away; an error only in tests in which the server is not. */
const CONNECTION_FAILURE = /net::ERR_|WebSocket connection to .* failed|Failed to load resource/;

/**
 * Opens `url`. The returned `assertClean` fails on console messages, page errors and requests to elsewhere.
 * @param {import("playwright-core").Browser} browser
 * @param {string} url
 * @param {import("playwright-core").BrowserContextOptions & { clockOffMs?: number }} [options]
 */
export async function open(browser, url, { clockOffMs = 0, ...options } = WIDE) {
  const context = await browser.newContext({ locale: "en-US", ...options });
  if (clockOffMs !== 0) {
    await context.addInitScript((off) => {
      const right = Date.now;
      Date.now = () => right() + off;
    }, clockOffMs);
  }
  const page = await context.newPage();
  const own = new URL(url).host;
  /** @type {string[]} */
  const complaints = [];
  /** @type {string[]} */
  const elsewhere = [];
  const note = (/** @type {string} */ address) => {
    const { protocol, host } = new URL(address);
    if (protocol !== "data:" && protocol !== "blob:" && host !== own) elsewhere.push(address);
  };
  page.on("request", (request) => note(request.url()));
  page.on("websocket", (socket) => note(socket.url()));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("dialog", (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await page.goto(url);
  return {
    page,
    close: () => context.close(),
    /** @param {{ serverWasAway?: boolean }} [circumstances] */
    assertClean({ serverWasAway = false } = {}) {
      assert.deepEqual(
        complaints.filter((text) => !(serverWasAway && CONNECTION_FAILURE.test(text))),
        [],
      );
      assert.deepEqual(elsewhere, []);
    },
  };
}

/** @param {import("playwright-core").Page} page */
export const playersShown = (page) => page.locator(".board tbody .name").allTextContents();

/** @param {import("playwright-core").Page} page */
export const status = (page) => page.locator("[data-status]").getAttribute("data-status");

/**
 * Waits until nothing moves or fades any more, apart from what pulses for ever.
 * @param {import("playwright-core").Page} page
 */
export const atRest = (page) =>
  page.evaluate(async () => {
    const ending = document
      .getAnimations()
      .filter((animation) => animation.effect?.getComputedTiming().endTime !== Number.POSITIVE_INFINITY);
    await Promise.allSettled(ending.map((animation) => animation.finished));
  });

/**
 * Serious and critical findings of axe.
 * @param {import("playwright-core").Page} page
 */
export async function findings(page) {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    /** @type {{ axe: typeof import("axe-core") }} */
    const { axe } = Object(globalThis);
    const { violations } = await axe.run(document);
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`));
  });
}

/** @type {string | undefined} */
let folder;

/**
 * Where people look at what the tests saw: $HISCORE_SCREENSHOTS, or a temporary folder.
 * @param {import("playwright-core").Page} page
 * @param {string} name
 */
export async function screenshot(page, name) {
  folder ??= process.env.HISCORE_SCREENSHOTS ?? mkdtempSync(path.join(tmpdir(), "hiscore-screenshots-"));
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: path.join(folder, `${name}.png`) });
}

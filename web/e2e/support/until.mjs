// Waiting for something to become true, instead of sleeping and hoping.
import assert from "node:assert/strict";

const EVERY_MS = 40;

/**
 * Asks `probe` until it no longer throws, and returns what it returned. Assertions inside `probe` thus say, when time
 * is up, what was wrong in the end.
 * @template T
 * @param {() => Promise<T> | T} probe
 * @param {number} [withinMs]
 * @returns {Promise<T>}
 */
export async function until(probe, withinMs = 15_000) {
  const deadline = Date.now() + withinMs;
  for (;;) {
    try {
      return await probe();
    } catch (reason) {
      if (Date.now() > deadline) throw reason;
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }
}

/**
 * @template T
 * @param {() => Promise<T>} actual
 * @param {T} expected
 * @param {number} [withinMs]
 */
export const untilEqual = (actual, expected, withinMs) =>
  until(async () => assert.deepEqual(await actual(), expected), withinMs);

// How long to wait before trying the server again. Pure, so that its bounds can be tested.

const FIRST_MS = 250;
const CAP_MS = 8_000;

/**
 * Exponential, capped, with "equal jitter": half of the wait is fixed, so that nobody hammers, and half is
 * random, so that the thousands of viewers that one restart cut off do not come back in the same instant.
 */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(CAP_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return ceiling / 2 + (ceiling / 2) * random();
}

/**
 * Waits for `ms`, or less when the browser has reason to hope: its network came back, or somebody looks at the
 * page again. Ends early, too, when `signal` is aborted.
 */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      globalThis.removeEventListener?.("online", end);
      globalThis.document?.removeEventListener("visibilitychange", endIfVisible);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const endIfVisible = () => document.visibilityState === "visible" && end();
    const timer = setTimeout(end, ms);
    globalThis.addEventListener?.("online", end);
    globalThis.document?.addEventListener("visibilitychange", endIfVisible);
    if (signal?.aborted) end();
    else signal?.addEventListener("abort", end);
  });
}

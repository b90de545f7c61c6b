import { expect, it } from "vitest";
import { lastRank } from "./size.ts";

it("finds the last rank in a few questions", async () => {
  for (const size of [50, 51, 99, 100, 101, 12_345, 1_000_000]) {
    let asked = 0;
    const isThere = (rank: number) => {
      asked++;
      return Promise.resolve(rank <= size);
    };
    expect(await lastRank(isThere, 50, new AbortController().signal)).toBe(size);
    expect(asked).toBeLessThan(40);
  }
});

it("ends when nobody wants to know any more", async () => {
  const stopped = new AbortController();
  stopped.abort();
  expect(await lastRank(() => Promise.resolve(true), 50, stopped.signal)).toBeNull();
});

import { describe, expect, it } from "vitest";
import type { BoardRecord } from "../api/documents.ts";
import { gapOf } from "./gap.ts";
import { extend, pathOf, sampleAt, type Trail } from "./trail.ts";

const record = (playerId: string, rank: number | null, score: number, subscore = 0): BoardRecord => ({
  playerId,
  rank,
  score,
  subscore,
  updatedAt: "2026-01-01T00:00:00Z",
});

describe("the distance to the next rank", () => {
  const ann = record("ann", 4, 120, 7);

  it("is told in score, or in subscore between equal scores", () => {
    expect(gapOf([ann, record("me", 5, 100)], "me")).toEqual({ kind: "behind", by: 20, next: ann });
    expect(gapOf([ann, record("me", 5, 120, 4)], "me")).toEqual({ kind: "subscore", by: 3, next: ann });
    expect(gapOf([ann, record("me", 5, 120, 7)], "me")).toEqual({ kind: "level", next: ann });
  });

  it("is positive where less is better, too", () => {
    expect(gapOf([record("ann", 1, 50), record("me", 2, 61)], "me")).toMatchObject({ kind: "behind", by: 11 });
  });

  it("of the first is the lead", () => {
    expect(gapOf([record("me", 1, 9), record("bob", 2, 2)], "me")).toMatchObject({ kind: "leads", by: 7 });
    expect(gapOf([record("me", 1, 9)], "me")).toEqual({ kind: "alone" });
  });

  it("is not made up", () => {
    expect(gapOf([record("me", null, 9)], "me")).toBeNull();
    expect(gapOf([ann], "me")).toBeNull();
    expect(gapOf([record("me", 7, 9)], "me")).toBeNull();
  });
});

describe("the trail", () => {
  it("holds changes only, and a bounded number of them, the first and the last among them", () => {
    let trail: Trail = [];
    for (let at = 0; at < 100_000; at++) trail = extend(trail, { at, score: at >> 1, rank: 1 });
    expect(trail.length).toBeLessThanOrEqual(240);
    expect(trail[0]).toEqual({ at: 0, score: 0, rank: 1 });
    expect(trail.at(-1)?.score).toBe(49_999);
    expect(extend(trail, { at: 100_001, score: 49_999, rank: 1 })).toBe(trail);
    expect(trail.every(({ at }, index) => index === 0 || at > (trail[index - 1]?.at ?? at))).toBe(true);
  });

  it("knows where the player stood at the baseline", () => {
    const trail = [0, 30_000, 61_000].map((at, index) => ({ at, score: index, rank: 9 - index }));
    expect(sampleAt(trail, "opened", 200_000)?.rank).toBe(9);
    expect(sampleAt(trail, "minute", 95_000)?.rank).toBe(8);
    expect(sampleAt(trail, "minute", 10_000)?.rank).toBe(9);
    expect(sampleAt([], "minute", 0)).toBeNull();
  });

  it("is drawn in steps, within its box, up to now", () => {
    const trail = [
      { at: 0, score: 10, rank: 2 },
      { at: 60_000, score: 30, rank: 1 },
    ];
    expect(pathOf(trail, 120_000, 100, 20)).toBe("M0 20H50V0H100");
    expect(pathOf(trail.slice(0, 1), 30_000, 100, 20)).toBe("M0 10H50");
    expect(pathOf([], 0, 100, 20)).toBe("");
  });
});

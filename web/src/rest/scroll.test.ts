import { describe, expect, it } from "vitest";
import { barAt, type List, moveTo, physicalHeight, placeOf, rowsAt, rowsIn, TALLEST, TOP } from "./scroll.ts";

const short: List = { rows: 1_000, rowHeight: 50, view: 900 };
const million: List = { rows: 1_000_000, rowHeight: 50, view: 900 };
const lists = [
  short,
  million,
  { rows: 50_000_000, rowHeight: 52, view: 700 },
  { rows: 160_001, rowHeight: 50, view: 2_000 },
];

describe("a list that a browser can be as tall as", () => {
  it("is left alone", () => {
    expect(physicalHeight(short)).toBe(50_000);
    expect(moveTo(short, TOP, 49_000)).toEqual({ top: 49_000, ahead: 0 });
    expect(rowsIn(short, { top: 1_000, ahead: 0 }, 2)).toEqual({ first: 18, end: 40 });
  });
});

describe("a list of millions", () => {
  it("is no taller than browsers allow", () => {
    expect(physicalHeight(million)).toBe(TALLEST);
  });

  it("begins and ends where it should, by thumb", () => {
    expect(rowsIn(million, moveTo(million, TOP, 0), 0).first).toBe(0);
    const end = moveTo(million, TOP, TALLEST - million.view);
    expect(rowsIn(million, end, 0)).toEqual({ first: 999_982, end: 1_000_000 });
    const middle = moveTo(million, TOP, (TALLEST - million.view) / 2);
    expect(rowsIn(million, middle, 0).first).toBe(499_991);
  });

  it("moves by pixels when the move is small, wherever it is", () => {
    const before = moveTo(million, TOP, 4_000_000);
    const after = moveTo(million, before, 4_000_100);
    expect(after.top + after.ahead - (before.top + before.ahead)).toBe(100);
  });

  it("meets what is before and behind it, however it came there", () => {
    const drifted = { top: 300, ahead: 5_000 };
    expect(moveTo(million, drifted, -10).ahead).toBe(0);
    expect(moveTo(million, { top: TALLEST - 1_000, ahead: 0 }, TALLEST - 900).ahead).toBe(42_000_000);
  });

  it("draws nothing while it is below the window", () => {
    expect(rowsIn(million, { top: -2_000, ahead: 0 }, 8)).toEqual({ first: 0, end: 0 });
    expect(rowsIn(million, { top: -500, ahead: 0 }, 0)).toEqual({ first: 0, end: 8 });
  });
});

describe("rows and bar", () => {
  it("are each other's inverse, and in order", () => {
    for (const list of lists) {
      const room = physicalHeight(list) - list.view;
      let last = Number.NEGATIVE_INFINITY;
      for (let step = -1; step <= 101; step++) {
        const top = (room * step) / 100;
        const rows = rowsAt(list, top);
        expect(barAt(list, rows)).toBeCloseTo(top, 3);
        expect(rows).toBeGreaterThan(last);
        last = rows;
      }
    }
  });

  it("bring any row into the window", () => {
    for (const list of lists) {
      for (const row of [0, 1, Math.floor(list.rows / 2), list.rows - 1]) {
        const { first, end } = rowsIn(list, placeOf(list, row), 0);
        expect(first).toBeLessThanOrEqual(row);
        expect(end).toBeGreaterThan(row);
      }
    }
  });
});

import { expect, it } from "vitest";
import { type Page, type Pages, pagesOf, rowAt, toAskFor, withPage } from "./wanted.ts";

const page = (revision: string, at = 0): Page => ({ rows: [], revision, at });

it("knows the pages of rows", () => {
  expect(pagesOf(0, 0)).toEqual([]);
  expect(pagesOf(0, 100)).toEqual([0]);
  expect(pagesOf(99, 101)).toEqual([0, 1]);
  expect(pagesOf(999_950, 1_000_000)).toEqual([9_999]);
});

it("asks for what is missing at once, and for what is old after a while", () => {
  const pages: Pages = new Map([
    [1, page("a")],
    [2, page("b")],
  ]);
  expect(toAskFor(pages, [0, 1, 2], "b", 100)).toEqual([0]);
  expect(toAskFor(pages, [0, 1, 2], "b", 3_000)).toEqual([0, 1]);
});

it("keeps a bounded number of pages, the nearest ones", () => {
  let pages: Pages = new Map();
  for (let number = 0; number < 500; number++) pages = withPage(pages, number, page("a"));
  expect(pages.size).toBe(24);
  expect(pages.has(499)).toBe(true);
  expect(pages.has(400)).toBe(false);
});

it("finds a row in its page", () => {
  const record = { playerId: "x", rank: 251, score: 1, subscore: 0, updatedAt: "" };
  const pages = withPage(new Map(), 2, { rows: [record], revision: "a", at: 0 });
  expect(rowAt(pages, 200)).toBe(record);
  expect(rowAt(pages, 201)).toBeUndefined();
  expect(rowAt(pages, 0)).toBeUndefined();
});

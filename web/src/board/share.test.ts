import { expect, it } from "vitest";
import { shareOfLeader } from "./share.ts";

it("measures a score against the leader's, within 0 and 1", () => {
  expect(shareOfLeader(50, 200, true)).toBe(0.25);
  expect(shareOfLeader(200, 200, true)).toBe(1);
  expect(shareOfLeader(-5, 200, true)).toBe(0);
  expect(shareOfLeader(300, 200, true)).toBe(1);
});

it("is silent where it would mislead", () => {
  expect(shareOfLeader(50, 200, false)).toBeNull();
  expect(shareOfLeader(-50, -20, true)).toBeNull();
  expect(shareOfLeader(0, 0, true)).toBeNull();
});

import { expect, it } from "vitest";
import { formatAddress, parseAddress } from "./address.ts";

const NOWHERE = { board: null, version: null, player: null, view: "board" } as const;

it("reads what a link says", () => {
  expect(parseAddress("?board=weekly&version=3&player=Ada%20L&view=funnel")).toEqual({
    board: "weekly",
    version: 3,
    player: "Ada L",
    view: "funnel",
  });
  expect(parseAddress("")).toEqual(NOWHERE);
});

it("takes nonsense for nothing", () => {
  expect(parseAddress("?board=&player=&view=x&version=0")).toEqual(NOWHERE);
  for (const version of ["-1", "1.5", "1e3", "99999999999", "4294967296", "two"]) {
    expect(parseAddress(`?version=${version}`).version).toBeNull();
  }
});

it("writes what it reads, whatever the names are made of", () => {
  for (const name of ["a&b=c", "<b>", "محمد", "👩‍👩‍👧", "100% +1", "\u202E", "#?/"]) {
    const address = { ...NOWHERE, board: name, player: name, version: 2 };
    expect(parseAddress(new URL(formatAddress(address), "http://x").search)).toEqual(address);
  }
  expect(formatAddress(NOWHERE)).toBe("/");
});

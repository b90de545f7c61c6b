import { describe, expect, it } from "vitest";
import type { BoardRecord, BoardTop } from "../api/documents.ts";
import { type History, movedSince, remember, standingAt } from "./baseline.ts";
import { boardReducer, NO_BOARD } from "./use-board-top.ts";

const T = 1_000_000;

const record = (playerId: string, rank: number | null, score = 0): BoardRecord => ({
  playerId,
  rank,
  score,
  subscore: 0,
  updatedAt: "2026-01-01T00:00:00Z",
});
const topOf = (records: BoardRecord[], versionId = 1): BoardTop => ({
  versionId,
  revision: "1",
  rankState: "EXACT",
  totalCount: records.length,
  records,
});
/** Players in the order of their ranks. */
const top = (players: string, versionId = 1) =>
  topOf(
    players.split(" ").map((player, index) => record(player, index + 1)),
    versionId,
  );
/** Tables that came so many seconds after T. */
const history = (...tables: [seconds: number, players: string][]): History => {
  const last = tables.reduce<History | null>(
    (known, [s, players]) => remember(known, top(players), T + s * 1000),
    null,
  );
  if (!last) throw new Error("nothing was remembered");
  return last;
};

describe("movement", () => {
  it("since the opening is told against the first table, whatever came between", () => {
    const { opened } = history([0, "ann bob cid"], [1, "bob ann cid"], [90, "cid bob ann"]);
    expect(["cid", "bob", "ann"].map((player, index) => movedSince(opened, player, index + 1))).toEqual([2, 0, -2]);
  });

  it("of who was not there then is new, and of an unknown rank none", () => {
    const { opened } = history([0, "ann"]);
    expect(movedSince(opened, "bob", 2)).toBe("new");
    expect(movedSince(opened, "ann", null)).toBe(0);
  });

  it("is at home with names of object members", () => {
    const { opened } = history([0, "__proto__ constructor"]);
    expect(movedSince(opened, "__proto__", 2)).toBe(-1);
    expect(movedSince(opened, "toString", 3)).toBe("new");
  });
});

describe("the last minute", () => {
  const first = (known: History, seconds: number) =>
    [...standingAt(known, "minute", T + seconds * 1000).ranks.keys()][0];

  it("begins at the opening while the table is younger than that", () => {
    expect(first(history([0, "ann bob"], [20, "bob ann"]), 59)).toBe("ann");
  });

  it("is what stood there then, though nothing came at that very moment", () => {
    const known = history([0, "ann bob"], [20, "bob ann"]);
    expect(first(known, 79)).toBe("ann");
    expect(first(known, 80)).toBe("bob");
    expect(first(known, 8_000)).toBe("bob");
  });

  it("remembers a bounded number of tables, however many come", () => {
    let known = history([0, "ann bob"]);
    for (let ms = 0; ms < 300_000; ms += 250) known = remember(known, top("bob ann"), T + ms) ?? known;
    expect(known.recent.length).toBeLessThan(16);
    expect(known.opened.ranks.get("ann")).toBe(1);
    expect(first(known, 300)).toBe("bob");
  });
});

describe("remember", () => {
  it("begins anew with a season, and learns nothing from ranks that are still loading", () => {
    const known = history([0, "ann bob"]);
    expect(remember(known, top("bob", 2), T + 9)?.opened.ranks.get("bob")).toBe(1);
    expect(remember(known, topOf([record("ann", null)]), T + 9)).toBe(known);
    expect(remember(known, topOf([record("ann", null)], 2), T + 9)).toBeNull();
  });
});

describe("boardReducer", () => {
  const first = boardReducer(NO_BOARD, { type: "top", top: top("ann"), connection: 1, at: T });

  it("keeps the last table through trouble", () => {
    const troubled = boardReducer(first, { type: "problem", message: "UNAVAILABLE" });
    expect(troubled.top).toBe(first.top);
    expect(troubled.problem).toBe("UNAVAILABLE");
  });

  it("forgets the trouble with the next table, remembers over which connection it came, and when it was opened", () => {
    const troubled = boardReducer(first, { type: "problem", message: "UNAVAILABLE" });
    const next = boardReducer(troubled, { type: "top", top: top("bob ann"), connection: 2, at: T + 1 });
    expect(next).toMatchObject({ problem: null, connection: 2 });
    expect(next.history?.opened.at).toBe(T);
  });
});

import { describe, expect, it } from "vitest";
import type { BoardRecord, BoardTop } from "../api/documents.ts";
import { changesBetween, NO_CHANGES } from "./changes.ts";
import { boardReducer, NO_BOARD } from "./use-board-top.ts";

const record = (playerId: string, rank: number | null, score: number): BoardRecord => ({
  playerId,
  rank,
  score,
  updatedAt: "2026-01-01T00:00:00Z",
});
const top = (records: BoardRecord[], versionId = 1, revision = "1"): BoardTop => ({
  versionId,
  revision,
  rankState: "EXACT",
  totalCount: records.length,
  records,
});

describe("changesBetween", () => {
  it("tells who overtook whom, and who scored", () => {
    const changes = changesBetween(
      top([record("ann", 1, 30), record("bob", 2, 20), record("cid", 3, 10)]),
      top([record("bob", 1, 35), record("ann", 2, 30), record("cid", 3, 10)]),
    );
    expect(changes.get("bob")).toEqual({ moved: 1, entered: false, scored: true });
    expect(changes.get("ann")).toEqual({ moved: -1, entered: false, scored: false });
    expect(changes.has("cid")).toBe(false);
  });

  it("tells who entered", () => {
    const changes = changesBetween(top([]), top([record("ann", 1, 3)]));
    expect(changes.get("ann")).toEqual({ moved: 0, entered: true, scored: false });
  });

  it("makes up no move while ranks are unknown", () => {
    const changes = changesBetween(top([record("ann", 1, 3)]), top([record("ann", null, 3)]));
    expect(changes.size).toBe(0);
  });

  it("sees no change in a first table or a new season", () => {
    expect(changesBetween(null, top([record("ann", 1, 3)]))).toBe(NO_CHANGES);
    expect(changesBetween(top([record("ann", 9, 3)], 1), top([record("ann", 1, 3)], 2))).toBe(NO_CHANGES);
  });

  it("is at home with names of object members", () => {
    const changes = changesBetween(
      top([record("__proto__", 2, 1), record("constructor", 1, 2)]),
      top([record("__proto__", 1, 5), record("constructor", 2, 2)]),
    );
    expect(changes.get("__proto__")?.moved).toBe(1);
    expect(changes.has("toString")).toBe(false);
  });
});

describe("boardReducer", () => {
  const first = boardReducer(NO_BOARD, { type: "top", top: top([record("ann", 1, 3)]), connection: 1 });

  it("keeps the last table through trouble", () => {
    const troubled = boardReducer(first, { type: "problem", message: "UNAVAILABLE" });
    expect(troubled.top).toBe(first.top);
    expect(troubled.problem).toBe("UNAVAILABLE");
  });

  it("forgets the trouble with the next table and remembers over which connection it came", () => {
    const troubled = boardReducer(first, { type: "problem", message: "UNAVAILABLE" });
    const next = boardReducer(troubled, { type: "top", top: top([record("ann", 1, 4)]), connection: 2 });
    expect(next).toMatchObject({ problem: null, connection: 2 });
    expect(next.changes.get("ann")?.scored).toBe(true);
  });
});

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { BoardTop } from "../api/documents.ts";
import { Announcements } from "./announcements.ts";
import { summaryOf } from "./summary.ts";

const top = (players: string, versionId = 1): BoardTop => ({
  versionId,
  revision: "1",
  rankState: "EXACT",
  totalCount: 3,
  records: players
    .split(" ")
    .map((playerId, index) => ({ playerId, rank: index + 1, score: 9 - index, subscore: 0, updatedAt: "" })),
});

describe("summaryOf", () => {
  it("says the most important thing that happened", () => {
    expect(summaryOf(top("ann bob cid"), top("bob ann cid"))).toBe("bob now leads with 9.");
    expect(summaryOf(top("ann bob cid"), top("ann cid bob"))).toBe("2 players changed places.");
    expect(summaryOf(top("ann bob"), top("ann bob cid"))).toBe("One player changed places.");
    expect(summaryOf(top("ann"), top("bob", 2))).toBe("Season 2 has begun.");
    expect(summaryOf(top("ann bob"), top("ann bob"))).toBeNull();
  });
});

describe("announcements", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("are made soon after a silence, and then with pauses, the latest of each topic", () => {
    const said: string[] = [];
    const announcements = new Announcements((text) => said.push(text));
    announcements.say("status", "Live.");
    announcements.say("board", "Ann leads.");
    vi.advanceTimersByTime(300);
    expect(said).toEqual(["Live. Ann leads."]);
    for (let second = 1; second < 12; second++) {
      announcements.say("board", `${second}`);
      vi.advanceTimersByTime(1_000);
    }
    expect(said).toHaveLength(1);
    vi.advanceTimersByTime(1_000);
    expect(said).toEqual(["Live. Ann leads.", "11"]);
    announcements.say("board", "late");
    announcements.stop();
    vi.advanceTimersByTime(60_000);
    expect(said).toHaveLength(2);
  });
});

import { describe, expect, it } from "vitest";
import { ageSeconds, nextStatus, type Signals, STALE_AFTER_MS, type Status, UNKNOWN } from "./status.ts";

const T = 1_000_000;
const CALM = { paused: false, rankState: "EXACT" } as const;
const lost = (now: number, online = true): Signals => ({ ...CALM, current: false, heardAt: T, online, now });
const live: Status = { kind: "live", freshAt: T };

describe("status", () => {
  it("is live while the table is the present one, as of the last sign of life", () => {
    const status = nextStatus(UNKNOWN, { ...CALM, current: true, heardAt: T - 400, online: true, now: T });
    expect(status).toEqual({ kind: "live", freshAt: T - 400 });
    expect(ageSeconds(status, T + 5_000)).toBe(0);
  });

  it("does not believe a browser that calls itself offline while the server answers", () => {
    expect(nextStatus(UNKNOWN, { ...CALM, current: true, heardAt: T, online: false, now: T }).kind).toBe("live");
  });

  it("is connecting as long as there never was a table", () => {
    expect(nextStatus(UNKNOWN, lost(T + 60_000))).toEqual({ kind: "connecting", freshAt: null });
  });

  it("takes a short gap for a hiccup and a long one for stale, counting from the last good moment", () => {
    const soon = nextStatus(live, lost(T + 3_000));
    expect(soon).toEqual({ kind: "reconnecting", freshAt: T });
    const late = nextStatus(soon, lost(T + STALE_AFTER_MS));
    expect(late).toEqual({ kind: "stale", freshAt: T });
    expect(ageSeconds(late, T + 34_900)).toBe(34);
  });

  it("says offline when the browser has no network", () => {
    expect(nextStatus(live, lost(T + 1_000, false)).kind).toBe("offline");
  });

  it("keeps the age when a new connection opens but no table came over it yet", () => {
    const reopened = nextStatus(live, { ...CALM, current: false, heardAt: T + 9_000, online: true, now: T + 9_000 });
    expect(reopened.freshAt).toBe(T);
  });

  it("is live again as soon as the table is, and never has a negative age", () => {
    const back = nextStatus(
      { kind: "stale", freshAt: T },
      { ...CALM, current: true, heardAt: T + 50, online: true, now: T },
    );
    expect(back).toEqual({ kind: "live", freshAt: T + 50 });
    expect(ageSeconds({ kind: "stale", freshAt: T }, T - 5_000)).toBe(0);
  });

  it("says what the server says about its ranks, as of now", () => {
    const current: Signals = { ...CALM, current: true, heardAt: T, online: true, now: T };
    expect(nextStatus(UNKNOWN, { ...current, rankState: "WARMING" })).toEqual({ kind: "warming", freshAt: T });
    expect(nextStatus(UNKNOWN, { ...current, rankState: "STALE" }).kind).toBe("stored");
    expect(nextStatus(live, { ...lost(T + 1_000), rankState: "STALE" }).kind).toBe("reconnecting");
    expect(ageSeconds({ kind: "warming", freshAt: T }, T + 9_000)).toBe(0);
  });

  it("grows old while paused, whatever else happens", () => {
    const paused = nextStatus(live, { ...lost(T + 90_000, false), paused: true });
    expect(paused).toEqual({ kind: "paused", freshAt: T });
    expect(ageSeconds(paused, T + 90_000)).toBe(90);
  });
});

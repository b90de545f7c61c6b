import { describe, expect, it } from "vitest";
import type { Status } from "./status.ts";
import { wording } from "./wording.ts";

const T = 1_000_000;
const at = (kind: Status["kind"], freshAt: number | null = T): Status => ({ kind, freshAt });

describe("wording", () => {
  it("says nothing while all is well, or before there is anything to be old", () => {
    expect(wording(at("live"), T, "EXACT", null)).toBeNull();
    expect(wording(at("connecting", null), T, "EXACT", null)).toBeNull();
  });

  it("says how old the table is, and why", () => {
    expect(wording(at("stale"), T + 34_000, "EXACT", null)).toMatch(/does not answer\. .* as it was 34 s ago/);
    expect(wording(at("offline"), T + 120_000, "EXACT", null)).toMatch(/device is offline\. .* as it was 2 min ago/);
    expect(wording(at("reconnecting"), T, "EXACT", "The store is away")).toMatch(/^The store is away\. This is/);
  });

  it("says what keeps it from a first table", () => {
    expect(wording(at("connecting", null), T, "EXACT", "The store is away.")).toBe("The store is away. Trying again …");
  });

  it("says when ranks are still loading, or come from the store", () => {
    expect(wording(at("live"), T, "WARMING", null)).toMatch(/still being loaded/);
    expect(wording(at("live"), T, "STALE", null)).toMatch(/as last stored/);
  });

  it("lets trouble on the way to the server go before trouble behind it", () => {
    expect(wording(at("stale"), T + 10_000, "STALE", null)).toMatch(/does not answer/);
  });

  it("says that somebody holds it, or that the board is gone", () => {
    expect(wording(at("paused"), T + 5_000, "EXACT", "x")).toBe("Paused. This is the board as it was 5 s ago.");
    expect(wording(at("stale"), T + 60_000, "EXACT", "none", true)).toMatch(/no longer exists.* 1 min ago/);
    expect(wording(at("final", null), T, "EXACT", null)).toBeNull();
  });
});

import { describe, expect, it } from "vitest";
import { learnServerTime, onServerClock } from "./clock.ts";
import { legible } from "./name.ts";
import { count, formatInteger } from "./number.ts";
import { duration, fullTime, timeAgo } from "./time.ts";

describe("numbers", () => {
  it("shows the largest and smallest scores exactly, in the viewer's format", () => {
    const german = new Intl.NumberFormat("de-DE");
    expect(formatInteger(Number.MAX_SAFE_INTEGER, new Intl.NumberFormat("en"))).toBe("9,007,199,254,740,991");
    expect(formatInteger(-Number.MAX_SAFE_INTEGER, german)).toBe("-9.007.199.254.740.991");
    expect(formatInteger(0, german)).toBe("0");
  });

  it("counts", () => {
    expect(count(1, "player", "players")).toBe("1 player");
    expect(count(0, "player", "players")).toBe("0 players");
  });
});

describe("times", () => {
  const then = "2026-03-01T12:00:00.000Z";
  const at = (seconds: number) => timeAgo(then, Date.parse(then) + seconds * 1000);

  it("says how long ago in the largest unit that fits", () => {
    expect(at(0)).toBe("now");
    expect(at(4.9)).toBe("now");
    expect(at(59.9)).toBe("59s ago");
    expect(at(60)).toBe("1m ago");
    expect(at(3_599)).toBe("59m ago");
    expect(at(3_600)).toBe("1h ago");
    expect(at(86_400)).toBe("1d ago");
    expect(at(14 * 86_400)).toBe("2w ago");
  });

  it("takes a time ahead of the clock for now, and nonsense for unknown", () => {
    expect(at(-90)).toBe("now");
    expect(timeAgo("soon", 0)).toBe("–");
    expect(fullTime("soon")).toBe("soon");
  });

  it("says how long a gap is", () => {
    expect([0, 59, 61, 7_300, 200_000].map(duration)).toEqual(["0 s", "59 s", "1 min", "2 h", "2 days"]);
  });

  it("counts on the server's clock once it is known to differ", () => {
    learnServerTime(null, 0);
    learnServerTime("no date", 0);
    expect(onServerClock(1_000)).toBe(1_000);
    learnServerTime("Thu, 01 Jan 1970 00:05:00 GMT", 0);
    expect(onServerClock(1_000)).toBe(301_000);
    learnServerTime("Thu, 01 Jan 1970 00:00:01 GMT", 0);
    expect(onServerClock(1_000)).toBe(1_000);
  });
});

describe("names", () => {
  it("leaves ordinary names of any script alone", () => {
    for (const name of ["Ada", "<b>bold</b>", "محمد", "אדם", "👩‍👩‍👧", "नमस्ते", "e\u0301", "a b"]) {
      expect(legible(name)).toBe(name);
    }
  });

  it("spells out controls and what would break out of its isolation", () => {
    expect(legible("a\nb\u0000")).toBe("a⟨U+000A⟩b⟨U+0000⟩");
    expect(legible("\u202Egpj.exe")).toBe("⟨U+202E⟩gpj.exe");
    expect(legible("x\u2069y\u2028")).toBe("x⟨U+2069⟩y⟨U+2028⟩");
  });

  it("spells out names without any ink", () => {
    expect(legible("\u200B\u200B")).toBe("⟨U+200B U+200B⟩");
    expect(legible(" ")).toBe("⟨U+0020⟩");
    expect(legible("\u3164")).toBe("⟨U+3164⟩");
    expect(legible("\u0301".repeat(64))).toMatch(/^⟨(U\+0301 ){8}…⟩$/);
  });
});

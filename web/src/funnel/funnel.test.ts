import { describe, expect, it } from "vitest";
import { parseHealth, rolesOf } from "./health.ts";
import { parseMetrics, sumOf } from "./prometheus.ts";
import { grown, type Reading, rates, ratios, readingOf, withReading } from "./readings.ts";
import { meaningOf, verdictOf } from "./verdict.ts";

const ALL = { ingest: true, persist: true, scoreboard: true };

const TEXT = `# HELP hiscore_submissions Submissions judged, by outcome.
# TYPE hiscore_submissions counter
hiscore_submissions_total{outcome="improved"} 900
hiscore_submissions_total{outcome="unchanged"} 100
hiscore_commit_duration_seconds_sum 0.25
hiscore_commit_duration_seconds_count 40
hiscore_commit_duration_seconds_bucket{le="+Inf"} 40
hiscore_funnel_written_total 50 1700000000
hiscore_funnel_dirty_records 12.0
hiscore_funnel_oldest_dirty_age_seconds 0.4
hiscore_journal_size_bytes 6.7108864e7
# EOF
`;

describe("metrics", () => {
  it("are read, and added up over their labels", () => {
    const metrics = parseMetrics(TEXT);
    expect(sumOf(metrics, "hiscore_submissions_total")).toBe(1_000);
    expect(sumOf(metrics, "hiscore_submissions")).toBeNull();
    expect(sumOf(metrics, "hiscore_journal_size_bytes")).toBe(67_108_864);
  });

  it("may have labels with anything in them, and be no numbers", () => {
    expect(parseMetrics('a{x="}\\" 1",y="é"} 2\nb +Inf\nc NaN\nd\n<html>\n{} 1\ne{ 3')).toEqual([
      { name: "a", labels: 'x="}\\" 1",y="é"', value: 2 },
      { name: "b", labels: "", value: Number.POSITIVE_INFINITY },
    ]);
  });

  it("make a reading, or none if they are somebody else's", () => {
    expect(readingOf(TEXT, 7, ALL)).toMatchObject({ at: 7, submitted: 1_000, commits: 40, written: 50, dirty: 12 });
    expect(readingOf("go_goroutines 5", 7, ALL)).toBeNull();
  });

  it("of a server that only shows boards tell nothing of the funnel, and no zeros either", () => {
    const scoreboard = rolesOf(parseHealth("[+] role: scoreboard\n"));
    const text = "hiscore_redis_connected 1\nhiscore_pending_bytes 0\nhiscore_websocket_operations 3\n";
    expect(readingOf(text, 7, scoreboard)).toEqual({
      at: 7,
      submitted: null,
      appended: null,
      behind: null,
      commits: null,
      written: null,
      failures: null,
      dirty: null,
      oldestSeconds: null,
      journalBytes: null,
      pendingBytes: null,
      redisBytes: null,
      subscriptions: 3,
      events: 0,
    });
    // And one that does everything has a zero before anybody plays.
    expect(readingOf("hiscore_funnel_dirty_records 0", 7, ALL)).toMatchObject({
      submitted: 0,
      written: 0,
      commits: null,
    });
  });

  it("tell of a log where there is one, each role what it knows", () => {
    const text = "hiscore_log_open 1\nhiscore_log_appended_total 40\n";
    const applied = `${text}hiscore_apply_lag_entries 7\n`;
    expect(readingOf(applied, 7, ALL)).toMatchObject({ appended: 40, behind: 7 });
    // Every role has the counter; only those that take scores count with it.
    expect(readingOf(text, 7, { ...ALL, ingest: false })).toMatchObject({ appended: null, behind: null });
    expect(readingOf("hiscore_log_open 0\n", 7, ALL)).toMatchObject({ appended: 0, behind: null });
    expect(readingOf("hiscore_funnel_dirty_records 0\n", 7, ALL)).toMatchObject({ appended: null, behind: null });
  });
});

const reading = (seconds: number, submitted: number, written: number, more: Partial<Reading> = {}): Reading => ({
  at: seconds * 1000,
  submitted,
  appended: null,
  behind: null,
  commits: 0,
  written,
  failures: 0,
  dirty: 0,
  oldestSeconds: 0,
  journalBytes: 0,
  pendingBytes: 0,
  redisBytes: null,
  subscriptions: 0,
  events: 0,
  ...more,
});

describe("readings", () => {
  it("give rates, also over a restart", () => {
    const values = rates([reading(0, 100, 0), reading(2, 300, 0), reading(4, 40, 0)], "submitted");
    expect(values).toEqual([
      { at: 2_000, value: 100 },
      { at: 4_000, value: 20 },
    ]);
    expect(grown([reading(0, 100, 0), reading(2, 300, 0), reading(4, 40, 0)], "submitted", 0)).toBe(240);
  });

  it("give the ratio of updates to writes, where there are any", () => {
    expect(ratios([reading(0, 0, 0), reading(2, 50, 0), reading(4, 100, 10)])).toEqual([{ at: 4_000, value: 10 }]);
  });

  it("are kept for five minutes", () => {
    let readings: readonly Reading[] = [];
    for (let second = 0; second < 3_600; second += 2) readings = withReading(readings, reading(second, 0, 0));
    expect(readings.length).toBe(150);
  });
});

describe("verdict", () => {
  const well = [{ name: "table", ok: true, detail: "" }];
  const verdict = (readings: Reading[], parts = well, now = readings.at(-1)?.at ?? 0) =>
    verdictOf(readings, parts, now);

  it("tells whether the database is falling behind", () => {
    expect(verdict([])).toBe("unknown");
    expect(verdict([reading(0, 9, 9), reading(2, 9, 9)])).toBe("idle");
    expect(verdict([reading(0, 9, 9), reading(2, 90, 9, { dirty: 5, oldestSeconds: 1 })])).toBe("keeping up");
    expect(verdict([reading(0, 9, 9), reading(2, 9, 9, { dirty: 5, oldestSeconds: 31 })])).toBe("behind");
    expect(verdict([reading(0, 9, 9), reading(2, 9, 9, { failures: 1, dirty: 5 })])).toBe("failing");
  });

  it("is not given where nothing is written, and words say who holds what", () => {
    const scoreboard = reading(0, 0, 0, { submitted: null, dirty: null, oldestSeconds: null });
    expect(verdict([scoreboard])).toBe("elsewhere");
    const persister = (written: number) => reading(written, 0, written, { submitted: null });
    expect(verdict([persister(2), persister(4)])).toBe("keeping up");
    expect(verdict([persister(2), { ...persister(2), at: 4_000 }])).toBe("idle");
    expect(meaningOf("behind", reading(0, 0, 0))).toContain("the journal");
    expect(meaningOf("behind", reading(0, 0, 0, { journalBytes: null }))).toContain("Redis");
  });

  it("puts a part that is not well, and silence, before everything else", () => {
    expect(verdict([reading(0, 9, 9)], [{ name: "committer", ok: false, detail: "" }])).toBe("broken");
    expect(verdict([reading(0, 9, 9)], well, 8_000)).toBe("silent");
  });
});

it("reads what a server says about its parts", () => {
  expect(parseHealth("[+] recovered: the ranks are complete\n[-] accepting: shutting: down\nready\n")).toEqual([
    { name: "recovered", ok: true, detail: "the ranks are complete" },
    { name: "accepting", ok: false, detail: "shutting: down" },
  ]);
});

it("reads the roles of a server, which has all of them unless it says otherwise", () => {
  expect(rolesOf([])).toEqual(ALL);
  expect(rolesOf(parseHealth("[+] role: all\n"))).toEqual(ALL);
  expect(rolesOf(parseHealth("[+] role: ingest,persist\n"))).toEqual({ ...ALL, scoreboard: false });
});

// One look at a server's metrics after the other, in bounded memory, and what follows from two of them. Pure.
import { parseMetrics, sumOf } from "./prometheus.ts";

/** What was counted up to one moment (counters), and what was so at it (gauges). */
export interface Reading {
  readonly at: number;
  readonly submitted: number;
  readonly commits: number;
  readonly written: number;
  readonly failures: number;
  readonly dirty: number;
  readonly oldestSeconds: number;
  readonly journalBytes: number;
  readonly pendingBytes: number;
}

type Counter = "submitted" | "commits" | "written" | "failures";

export interface Point {
  readonly at: number;
  readonly value: number;
}

/** Five minutes of looks two seconds apart. */
const KEPT_MS = 300_000;

/** Null when the text is not that of a hiscore server. A counter that nobody has touched yet is not told: zero. */
export function readingOf(text: string, at: number): Reading | null {
  const metrics = parseMetrics(text);
  const dirty = sumOf(metrics, "hiscore_funnel_dirty_records");
  if (dirty === null) return null;
  const value = (name: string) => sumOf(metrics, name) ?? 0;
  return {
    at,
    submitted: value("hiscore_submissions_total"),
    commits: value("hiscore_commit_duration_seconds_count"),
    written: value("hiscore_funnel_written_total"),
    // The embedded store's rounds, or with a store behind Redis the bulks that were tried again.
    failures: value("hiscore_funnel_failures_total") + value("hiscore_funnel_retries_total"),
    dirty,
    oldestSeconds: value("hiscore_funnel_oldest_dirty_age_seconds"),
    journalBytes: value("hiscore_journal_size_bytes"),
    pendingBytes: value("hiscore_pending_bytes"),
  };
}

export const withReading = (readings: readonly Reading[], reading: Reading): readonly Reading[] => [
  ...readings.filter(({ at }) => at > reading.at - KEPT_MS),
  reading,
];

/** How much a counter grew from one reading to the next. One that is smaller began anew: the server was restarted. */
const growth = (before: Reading, after: Reading, counter: Counter): number =>
  after[counter] >= before[counter] ? after[counter] - before[counter] : after[counter];

/** Per second, from each reading to the next. */
export function rates(readings: readonly Reading[], counter: Counter): Point[] {
  return readings.slice(1).flatMap((after, index) => {
    const before = readings[index];
    if (!before || after.at <= before.at) return [];
    return [{ at: after.at, value: growth(before, after, counter) / ((after.at - before.at) / 1000) }];
  });
}

/** How much a counter grew since `since`. */
export function grown(readings: readonly Reading[], counter: Counter, since: number): number {
  let sum = 0;
  for (const [index, after] of readings.entries()) {
    const before = readings[index - 1];
    if (before && before.at >= since) sum += growth(before, after, counter);
  }
  return sum;
}

/**
 * How many updates became one write, over the last minute at each reading: writes come in bulks, so that of single
 * readings most would say nothing. Where nothing was written there is no ratio.
 */
export function ratios(readings: readonly Reading[]): Point[] {
  return readings.flatMap((reading, index) => {
    const known = readings.slice(0, index + 1);
    const written = grown(known, "written", reading.at - 60_000);
    const submitted = grown(known, "submitted", reading.at - 60_000);
    return written === 0 ? [] : [{ at: reading.at, value: submitted / written }];
  });
}

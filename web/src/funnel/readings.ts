// One look at a server's metrics after the other, in bounded memory, and what follows from two of them. Pure.
import type { Roles } from "./health.ts";
import { parseMetrics, sumOf } from "./prometheus.ts";

/**
 * What was counted up to one moment (counters), and what was so at it (gauges). Null is what this server cannot tell, since
 * it is another's to do: not zero.
 */
export interface Reading {
  readonly at: number;
  readonly submitted: number | null;
  readonly appended: number | null;
  readonly behind: number | null;
  readonly commits: number | null;
  readonly written: number | null;
  readonly failures: number | null;
  readonly dirty: number | null;
  readonly oldestSeconds: number | null;
  readonly journalBytes: number | null;
  readonly pendingBytes: number | null;
  readonly redisBytes: number | null;
  readonly subscriptions: number | null;
  readonly events: number | null;
}

type Counter = "submitted" | "appended" | "commits" | "written" | "failures" | "events";

export interface Point {
  readonly at: number;
  readonly value: number;
}

/** Five minutes of looks two seconds apart. */
const KEPT_MS = 300_000;

/**
 * Null when the text is not that of a hiscore server. A counter that nobody has touched yet is not told by some: it is zero
 * where the server has the role (`/readyz?verbose` names the roles) that it belongs to.
 */
export function readingOf(text: string, at: number, roles: Roles): Reading | null {
  const metrics = parseMetrics(text);
  if (!metrics.some(({ name }) => name.startsWith("hiscore_"))) return null;
  const value = (name: string, told = true) => (told ? (sumOf(metrics, name) ?? 0) : null);
  const gauge = (name: string) => sumOf(metrics, name);
  const sum = (told: boolean, ...names: string[]) =>
    told ? names.reduce((sum, name) => sum + (sumOf(metrics, name) ?? 0), 0) : null;
  const dirty = gauge("hiscore_funnel_dirty_records");
  const journalBytes = gauge("hiscore_journal_size_bytes");
  const persists = dirty !== null;
  return {
    at,
    submitted: value("hiscore_submissions_total", roles.ingest),
    // Only whoever has a log says whether it is open, and only who applies it knows how far that is.
    appended: value("hiscore_log_appended_total", roles.ingest && gauge("hiscore_log_open") !== null),
    behind: gauge("hiscore_apply_lag_entries"),
    commits: value("hiscore_commit_duration_seconds_count", journalBytes !== null),
    written: value("hiscore_funnel_written_total", persists),
    // The embedded store's rounds, or with a store behind Redis the bulks that were tried again.
    failures: sum(persists, "hiscore_funnel_failures_total", "hiscore_funnel_retries_total"),
    dirty,
    oldestSeconds: gauge("hiscore_funnel_oldest_dirty_age_seconds"),
    journalBytes,
    pendingBytes: value("hiscore_pending_bytes", roles.ingest),
    redisBytes: gauge("hiscore_redis_memory_bytes"),
    subscriptions: sum(roles.scoreboard, "hiscore_websocket_operations", "hiscore_event_streams"),
    events: sum(roles.scoreboard, "hiscore_websocket_events_total", "hiscore_event_stream_events_total"),
  };
}

export const withReading = (readings: readonly Reading[], reading: Reading): readonly Reading[] => [
  ...readings.filter(({ at }) => at > reading.at - KEPT_MS),
  reading,
];

/**
 * How much a counter grew from one reading to the next; null unless both tell it. One that is smaller began anew: the server
 * was restarted.
 */
function growth(before: Reading, after: Reading, counter: Counter): number | null {
  const [was, is] = [before[counter], after[counter]];
  if (was === null || is === null) return null;
  return is >= was ? is - was : is;
}

/** Per second, from each reading to the next. */
export function rates(readings: readonly Reading[], counter: Counter): Point[] {
  return readings.slice(1).flatMap((after, index) => {
    const before = readings[index];
    if (!before || after.at <= before.at) return [];
    const grew = growth(before, after, counter);
    return grew === null ? [] : [{ at: after.at, value: grew / ((after.at - before.at) / 1000) }];
  });
}

/** How much a counter grew since `since`. */
export function grown(readings: readonly Reading[], counter: Counter, since: number): number {
  let sum = 0;
  for (const [index, after] of readings.entries()) {
    const before = readings[index - 1];
    if (before && before.at >= since) sum += growth(before, after, counter) ?? 0;
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

// The one look: is the database keeping up with the game? Pure.
import type { Part } from "./health.ts";
import { grown, type Reading } from "./readings.ts";

export type Verdict = "unknown" | "silent" | "broken" | "elsewhere" | "failing" | "behind" | "keeping up" | "idle";

/**
 * The funnel writes once a second, and under load rests for up to ten seconds within a round and ten behind it: a record that
 * waits for so long waits for a reason.
 */
const BEHIND_SECONDS = 30;
const RECENT_MS = 15_000;
/** Three looks in a row that got no answer. */
const SILENT_MS = 7_000;

export function verdictOf(readings: readonly Reading[], parts: readonly Part[], now: number): Verdict {
  const last = readings.at(-1);
  if (!last) return "unknown";
  if (now - last.at > SILENT_MS) return "silent";
  if (parts.some(({ ok }) => !ok)) return "broken";
  // Another server writes: what this one does not know is neither well nor idle.
  if (last.dirty === null) return "elsewhere";
  if (grown(readings, "failures", last.at - RECENT_MS) > 0) return "failing";
  if ((last.oldestSeconds ?? 0) > BEHIND_SECONDS) return "behind";
  const work = last.submitted === null ? "written" : "submitted";
  return grown(readings, work, last.at - RECENT_MS) === 0 && last.dirty === 0 ? "idle" : "keeping up";
}

export const TITLES: Record<Verdict, string> = {
  unknown: "Looking …",
  silent: "No answer",
  broken: "Needs attention",
  elsewhere: "The funnel is elsewhere",
  failing: "Writing fails",
  behind: "Falling behind",
  "keeping up": "Keeping up",
  idle: "Idle",
};

/** What it means, and what it does not. */
export function meaningOf(verdict: Verdict, last: Reading | undefined): string {
  const holds = last?.journalBytes == null ? "Redis" : "the journal";
  switch (verdict) {
    case "unknown":
      return "Asking the server for its metrics.";
    case "silent":
      return "The server does not answer; what is below is the last that it said.";
    case "broken":
      return "A part of the server is not well; see below.";
    case "elsewhere":
      return "This server writes nothing to the database: servers of the role persist do, and their view says whether the database keeps up. Below is what this one has.";
    case "failing":
      return `The database cannot be written. What was acknowledged is in ${holds}, and is tried again.`;
    case "behind":
      return `Records wait longer than they should; ${holds} holds what the database does not have yet.`;
    case "keeping up":
      return "Every change reaches the database within seconds.";
    case "idle":
      return last?.submitted == null
        ? "Nothing waits to be written: the database has everything."
        : "Nobody is playing, and the database has everything.";
  }
}

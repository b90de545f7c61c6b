// The one look: is the database keeping up with the game? Pure.
import type { Part } from "./health.ts";
import { grown, type Reading } from "./readings.ts";

export type Verdict = "unknown" | "silent" | "broken" | "failing" | "behind" | "keeping up" | "idle";

/** The funnel writes once a second; a record that waits for so long waits for a reason. */
const BEHIND_SECONDS = 10;
const RECENT_MS = 15_000;
/** Three looks in a row that got no answer. */
const SILENT_MS = 7_000;

export function verdictOf(readings: readonly Reading[], parts: readonly Part[], now: number): Verdict {
  const last = readings.at(-1);
  if (!last) return "unknown";
  if (now - last.at > SILENT_MS) return "silent";
  if (parts.some(({ ok }) => !ok)) return "broken";
  if (grown(readings, "failures", last.at - RECENT_MS) > 0) return "failing";
  if (last.oldestSeconds > BEHIND_SECONDS) return "behind";
  return grown(readings, "submitted", last.at - RECENT_MS) === 0 && last.dirty === 0 ? "idle" : "keeping up";
}

export const TITLES: Record<Verdict, string> = {
  unknown: "Looking …",
  silent: "No answer",
  broken: "Needs attention",
  failing: "Writing fails",
  behind: "Falling behind",
  "keeping up": "Keeping up",
  idle: "Idle",
};

/** What it means, and what it does not. */
export const MEANINGS: Record<Verdict, string> = {
  unknown: "Asking the server for its metrics.",
  silent: "The server does not answer; what is below is the last that it said.",
  broken: "A part of the server is not well; see below.",
  failing:
    "The database cannot be written. Nothing is lost: what was acknowledged is in the journal, and is tried again.",
  behind:
    "Records wait longer than they should. Nothing is lost: the journal holds what the database does not have yet.",
  "keeping up": "Every change reaches the database within seconds.",
  idle: "Nobody is playing, and the database has everything.",
};

// What movement is counted from: where everybody stood when the table was opened, or a minute ago. Pure.
import type { BoardTop } from "../api/documents.ts";

export type Baseline = "opened" | "minute";

/** The ranks of the table at one moment. */
export interface Standing {
  readonly at: number;
  readonly ranks: ReadonlyMap<string, number>;
}

export interface History {
  readonly versionId: number;
  readonly opened: Standing;
  /** The last minute's standings, oldest first; the first of them is at least a minute old if there is such a one. */
  readonly recent: readonly Standing[];
}

/** Places won (positive) or lost (negative); "new" for who was not in the table at the baseline; 0 if neither. */
export type Moved = number | "new";

const MINUTE_MS = 60_000;
/** Standings of one such span of time are kept as one, the last of them: a busy board pushes four a second. */
const SPAN_MS = 5_000;

/** A season of its own begins a history of its own. While ranks are unknown there is nothing to remember. */
export function remember(history: History | null, top: BoardTop, at: number): History | null {
  const known = history?.versionId === top.versionId ? history : null;
  const ranks = new Map<string, number>();
  for (const { playerId, rank } of top.records) {
    if (rank === null) return known;
    ranks.set(playerId, rank);
  }
  const standing: Standing = { at, ranks };
  if (!known) return { versionId: top.versionId, opened: standing, recent: [standing] };

  const recent = [...known.recent];
  const last = recent.at(-1);
  // The one from the opening stays, so that the first span has a beginning.
  if (last && last !== known.opened && spanOf(last.at) === spanOf(at)) recent.pop();
  recent.push(standing);
  return { ...known, recent: recent.slice(Math.max(0, lastBefore(recent, at - MINUTE_MS))) };
}

/** The standing to compare with. A minute ago is the opening as long as the table is younger than that. */
export function standingAt(history: History, baseline: Baseline, now: number): Standing {
  if (baseline === "opened") return history.opened;
  return history.recent[lastBefore(history.recent, now - MINUTE_MS)] ?? history.recent[0] ?? history.opened;
}

export function movedSince(standing: Standing, playerId: string, rank: number | null): Moved {
  if (rank === null) return 0;
  const before = standing.ranks.get(playerId);
  return before === undefined ? "new" : before - rank;
}

const spanOf = (at: number): number => Math.floor(at / SPAN_MS);

/** Where the last standing of `time` or earlier is; −1 if all are later. */
const lastBefore = (standings: readonly Standing[], time: number): number =>
  standings.findLastIndex(({ at }) => at <= time);

// What changed between two tops of one board, player by player, so that the table can show it. Pure.
import type { BoardTop } from "../api/documents.ts";

export interface Change {
  /** Places won (positive) or lost (negative); 0 if unmoved or unknown. */
  readonly moved: number;
  /** The player was not in the table before. */
  readonly entered: boolean;
  readonly scored: boolean;
}

export type Changes = ReadonlyMap<string, Change>;

export const NO_CHANGES: Changes = new Map();

/** Players without a change are left out. A first table, or one of another season, is no change at all. */
export function changesBetween(before: BoardTop | null, after: BoardTop): Changes {
  if (!before || before.versionId !== after.versionId) return NO_CHANGES;
  const old = new Map(before.records.map((record) => [record.playerId, record]));
  const changes = new Map<string, Change>();
  for (const record of after.records) {
    const was = old.get(record.playerId);
    const moved = was?.rank != null && record.rank != null ? was.rank - record.rank : 0;
    const scored = was !== undefined && was.score !== record.score;
    if (!was || moved !== 0 || scored) {
      changes.set(record.playerId, { moved, entered: !was, scored });
    }
  }
  return changes;
}

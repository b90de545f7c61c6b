// What happened between two tables, in a sentence for those who cannot watch rows move. Pure.
import type { BoardTop } from "../api/documents.ts";
import { legible } from "../format/name.ts";
import { formatInteger } from "../format/number.ts";

/** Null when nothing did that is worth a sentence: scores that change no place are not. */
export function summaryOf(before: BoardTop, after: BoardTop): string | null {
  if (before.versionId !== after.versionId) return `Season ${formatInteger(after.versionId)} has begun.`;
  const leader = after.records[0];
  if (leader && leader.playerId !== before.records[0]?.playerId) {
    return `${legible(leader.playerId)} now leads with ${formatInteger(leader.score)}.`;
  }
  const ranks = new Map(before.records.map(({ playerId, rank }) => [playerId, rank]));
  const moved = after.records.filter(({ playerId, rank }) => ranks.get(playerId) !== rank).length;
  if (moved === 0) return null;
  return moved === 1 ? "One player changed places." : `${formatInteger(moved)} players changed places.`;
}

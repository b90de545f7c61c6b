// How far a player is from the next place. Pure.
import type { BoardRecord } from "../api/documents.ts";

export type Gap =
  | { readonly kind: "behind"; readonly by: number; readonly next: BoardRecord }
  /** Level on score, and the subscore decides. */
  | { readonly kind: "subscore"; readonly by: number; readonly next: BoardRecord }
  /** Level on both: the next one was there first. */
  | { readonly kind: "level"; readonly next: BoardRecord }
  | { readonly kind: "leads"; readonly by: number; readonly next: BoardRecord }
  | { readonly kind: "alone" };

/** Of `around`, neighbours in the order of their ranks. Null while the player or its rank is not known. */
export function gapOf(around: readonly BoardRecord[], player: string): Gap | null {
  const at = around.findIndex(({ playerId }) => playerId === player);
  const own = around[at];
  if (!own || own.rank === null) return null;
  if (own.rank > 1) {
    const next = around[at - 1];
    if (!next) return null;
    if (next.score !== own.score) return { kind: "behind", by: distance(next.score, own.score), next };
    if (next.subscore !== own.subscore) return { kind: "subscore", by: distance(next.subscore, own.subscore), next };
    return { kind: "level", next };
  }
  const next = around[at + 1];
  return next ? { kind: "leads", by: distance(own.score, next.score), next } : { kind: "alone" };
}

/** The same on boards where less is better. May leave what a number holds exactly; it is a distance, not a score. */
const distance = (a: number, b: number): number => Math.abs(a - b);

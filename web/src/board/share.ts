// How far a score is along the way to the leader's, for the thin line under each row. Pure.

/**
 * From 0 to 1, or null where such a line would say something untrue: where less is better, or with a leader at
 * or below zero.
 */
export function shareOfLeader(score: number, leader: number, higherIsBetter: boolean): number | null {
  if (!higherIsBetter || leader <= 0) return null;
  return Math.min(1, Math.max(0, score / leader));
}

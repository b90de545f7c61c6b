// How many players an ended season had. The API counts the present one only; but ranks have no holes, so whether there
// is somebody at a rank, asked a few times, tells where they end.

/** `isThere` says whether anybody has this rank. Ends early, with null, when it is told so. */
export async function lastRank(
  isThere: (rank: number) => Promise<boolean>,
  given: number,
  signal: AbortSignal,
): Promise<number | null> {
  let there = given;
  let beyond = Math.max(1, given) * 2;
  while (await isThere(beyond)) {
    if (signal.aborted) return null;
    there = beyond;
    beyond *= 4;
  }
  while (beyond - there > 1) {
    if (signal.aborted) return null;
    const middle = Math.floor((there + beyond) / 2);
    if (await isThere(middle)) there = middle;
    else beyond = middle;
  }
  return there;
}

// What time it is for the server. The times of scores are the server's, so "3 minutes ago" must be counted
// on its clock: viewers' clocks are often minutes off.

let offsetMs = 0;

/** Takes the `Date` header of an answer. It has whole seconds, which is exact enough for "ago". */
export function learnServerTime(dateHeader: string | null, now = Date.now()): void {
  const serverTime = dateHeader === null ? Number.NaN : Date.parse(dateHeader);
  if (Number.isNaN(serverTime)) return;
  const offset = serverTime - now;
  // Under two seconds it is the header's rounding and the network, not a clock that is off.
  offsetMs = Math.abs(offset) < 2_000 ? 0 : offset;
}

export const onServerClock = (localTime: number): number => localTime + offsetMs;

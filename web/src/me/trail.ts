// What a player's score and rank were since somebody began to look, in bounded memory, and as a line. Pure.

export interface Sample {
  readonly at: number;
  readonly score: number;
  readonly rank: number | null;
}

export type Trail = readonly Sample[];

/** More than a line of some hundred pixels can show. */
const LONGEST = 240;
const MINUTE_MS = 60_000;

/** Holds each change; of a long trail's older half only every second one, so that it spans any session. */
export function extend(trail: Trail, sample: Sample): Trail {
  const last = trail.at(-1);
  if (last && last.score === sample.score && last.rank === sample.rank) return trail;
  const longer = [...trail, sample];
  if (longer.length <= LONGEST) return longer;
  return longer.filter((_, index) => index === 0 || index >= LONGEST / 2 || index % 2 === 1);
}

/** The sample that holds at the baseline: the first one, or the one of a minute ago. */
export function sampleAt(trail: Trail, baseline: "opened" | "minute", now: number): Sample | null {
  const before = baseline === "minute" ? trail.findLast(({ at }) => at <= now - MINUTE_MS) : undefined;
  return before ?? trail[0] ?? null;
}

/**
 * The score as an SVG path of steps, from the first sample to now: a score holds until the next one. The first minute
 * fills the width slowly, so that two samples a second apart don't look like a career.
 */
export function pathOf(trail: Trail, now: number, width: number, height: number): string {
  const first = trail[0];
  if (!first) return "";
  const scores = trail.map(({ score }) => score);
  const [least, most] = [Math.min(...scores), Math.max(...scores)];
  const span = Math.max(MINUTE_MS, now - first.at);
  const x = (at: number) => round((Math.max(0, at - first.at) / span) * width);
  const y = (score: number) =>
    round(most === least ? height / 2 : height - ((score - least) / (most - least)) * height);
  const steps = trail.slice(1).map(({ at, score }) => `H${x(at)}V${y(score)}`);
  return `M0 ${y(first.score)}${steps.join("")}H${x(now)}`;
}

const round = (value: number): number => Math.round(value * 10) / 10;

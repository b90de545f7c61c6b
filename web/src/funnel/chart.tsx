// One measure over the last minutes: its present value in large type, and a small line that says how it came there.
import type { Point } from "./readings.ts";

const WIDTH = 240;
const HEIGHT = 48;
const SPAN_MS = 300_000;

interface Props {
  title: string;
  /** What it measures, in words. */
  note: string;
  points: readonly Point[];
  format: (value: number) => string;
  now: number;
}

export function Chart({ title, note, points, format, now }: Props) {
  const last = points.at(-1);
  const most = Math.max(0, ...points.map(({ value }) => value));
  const line = pathOf(points, most, now);
  return (
    <figure className="chart">
      <figcaption>
        <span className="chart-title">{title}</span>
        <strong>{last ? format(last.value) : "–"}</strong>
        <span className="chart-note">{note}</span>
      </figcaption>
      <svg viewBox={`0 -2 ${WIDTH} ${HEIGHT + 4}`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
        <path className="floor" d={`M0 ${HEIGHT}H${WIDTH}`} vectorEffect="non-scaling-stroke" />
        {line && <path className="area" d={`${line.d}V${HEIGHT}H${line.from}Z`} />}
        {line && <path className="line" d={line.d} vectorEffect="non-scaling-stroke" />}
      </svg>
      <p className="chart-scale">
        <span>5 min ago</span>
        <span>{points.length > 0 && `at most ${format(most)}`}</span>
        <span>now</span>
      </p>
    </figure>
  );
}

/** From zero at the bottom to the most at the top; null without at least two points. */
function pathOf(points: readonly Point[], most: number, now: number): { d: string; from: number } | null {
  if (points.length < 2) return null;
  const x = (at: number) => round(WIDTH * Math.min(1, Math.max(0, 1 - (now - at) / SPAN_MS)));
  const y = (value: number) => round(most === 0 ? HEIGHT : HEIGHT - (value / most) * HEIGHT);
  const steps = points.map(({ at, value }) => `${x(at)} ${y(value)}`);
  return { d: `M${steps.join("L")}`, from: x(points[0]?.at ?? now) };
}

const round = (value: number): number => Math.round(value * 10) / 10;

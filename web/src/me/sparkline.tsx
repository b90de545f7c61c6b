// A player's score since somebody began to look, as a small line, with its meaning in words beside it.
import { formatInteger } from "../format/number.ts";
import { duration } from "../format/time.ts";
import { pathOf, type Trail } from "./trail.ts";

const WIDTH = 160;
const HEIGHT = 32;

export function Sparkline({ trail, now }: { trail: Trail; now: number }) {
  const [first, last] = [trail[0], trail.at(-1)];
  if (!first || !last) return null;
  const gained = last.score - first.score;
  const seconds = Math.max(0, Math.floor((now - first.at) / 1000));
  const change = gained === 0 ? "unchanged" : `${gained > 0 ? "+" : "−"}${formatInteger(Math.abs(gained))}`;
  return (
    <figure className="sparkline">
      <svg viewBox={`0 -2 ${WIDTH} ${HEIGHT + 4}`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
        <path d={pathOf(trail, now, WIDTH, HEIGHT)} vectorEffect="non-scaling-stroke" />
      </svg>
      <figcaption>{gained === 0 && seconds === 0 ? "from now on" : `${change} in ${duration(seconds)}`}</figcaption>
    </figure>
  );
}

// The mark beside a rank: how many places its player won or lost since the baseline, as an arrow and a number.
import { formatInteger } from "../format/number.ts";
import type { Moved } from "../live/baseline.ts";

export function Movement({ moved }: { moved: Moved }) {
  if (moved === 0) return <span className="movement" />;
  if (moved === "new") {
    return (
      <span className="movement new">
        <abbr title="Was not in this table before">new</abbr>
      </span>
    );
  }
  const places = formatInteger(Math.abs(moved));
  return (
    <span className={moved > 0 ? "movement won" : "movement lost"}>
      <span className="for-ears">{moved > 0 ? "up" : "down"} </span>
      <span aria-hidden="true">{moved > 0 ? "▲" : "▼"}</span>
      {places}
    </span>
  );
}

// The small mark beside a rank that says how many places its player has just won or lost. It fades by itself.
import { useState } from "react";
import { formatInteger } from "../format/number.ts";

interface Props {
  /** Places won (positive) or lost (negative) with this revision. */
  moved: number;
  revision: string;
}

export function Movement({ moved, revision }: Props) {
  // Later revisions in which the player stays put must not cut the fading short: the last move is kept.
  const [last, setLast] = useState({ moved: 0, revision: "" });
  if (moved !== 0 && last.revision !== revision) setLast({ moved, revision });
  const direction = last.moved > 0 ? " won" : last.moved < 0 ? " lost" : "";
  return (
    <span key={last.revision} className={`movement${direction}`} aria-hidden="true">
      {direction && (last.moved > 0 ? "▲" : "▼") + formatInteger(Math.abs(last.moved))}
    </span>
  );
}

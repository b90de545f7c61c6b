// One player's row. Memoised: most pushes, and most seconds, change a few rows of many.
import { memo, useState } from "react";
import { formatInteger } from "../format/number.ts";
import { fullTime } from "../format/time.ts";
import type { Moved } from "../live/baseline.ts";
import { Movement } from "./movement.tsx";
import { Name } from "./name.tsx";

/** Scores of more digits than this are set smaller where there is little room. */
const LONG = 10;

/** Only plain values, so that a row none of whose values changed is not drawn again. */
interface Props {
  playerId: string;
  rank: number | null;
  score: number;
  /** Null where the board does without subscores. */
  subscore: number | null;
  updatedAt: string;
  ago: string;
  moved: Moved;
  own: boolean;
  share: number | null;
}

export const Row = memo(function Row({ playerId, rank, score, subscore, updatedAt, ago, moved, own, share }: Props) {
  const medal = rank !== null && rank <= 3 ? ` medal-${rank}` : "";
  return (
    <tr aria-current={own ? "true" : undefined}>
      <td className={`rank${medal}`}>
        <span className="rank-number">{rank === null ? "–" : formatInteger(rank)}</span>
        <Movement moved={moved} />
      </td>
      <th scope="row" className="player">
        <Name id={playerId} />
        <time className="when-below" dateTime={updatedAt} title={fullTime(updatedAt)}>
          {ago}
        </time>
        {share !== null && <span className="share" style={{ transform: `scaleX(${share})` }} aria-hidden="true" />}
      </th>
      <td className={score.toString().length > LONG ? "score long" : "score"}>
        <Score value={score} />
        {subscore !== null && <Subscore value={subscore} />}
      </td>
      <td className="when">
        <time dateTime={updatedAt} title={fullTime(updatedAt)}>
          {ago}
        </time>
      </td>
    </tr>
  );
});

/** A changed score glows for a moment: a new key starts the animation afresh. */
function Score({ value }: { value: number }) {
  const [seen, setSeen] = useState({ value, times: 0 });
  if (seen.value !== value) setSeen({ value, times: seen.times + 1 });
  return (
    <span key={seen.times} className={seen.times > 0 ? "points glow" : "points"}>
      {formatInteger(value)}
    </span>
  );
}

/** Decides between equal scores, so it stands below them, and smaller. */
export function Subscore({ value }: { value: number }) {
  return (
    <span className="subscore">
      <span className="for-ears">, subscore </span>
      {formatInteger(value)}
    </span>
  );
}

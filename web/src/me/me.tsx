// The player that the viewer follows: the own row, which stays in sight, and the neighbourhood under it.
import type { BoardRecord } from "../api/documents.ts";
import { Movement } from "../board/movement.tsx";
import { Name } from "../board/name.tsx";
import { Subscore } from "../board/row.tsx";
import { formatInteger } from "../format/number.ts";
import type { Moved } from "../live/baseline.ts";
import { gapOf } from "./gap.ts";
import { GapLine } from "./gap-line.tsx";
import { Sparkline } from "./sparkline.tsx";
import type { PlayerState } from "./use-player.ts";

interface Props {
  player: string;
  state: PlayerState;
  moved: Moved;
  subscores: boolean;
  now: number;
  /** In a season that is over nobody appears any more. */
  over?: boolean;
  onShow: (rank: number) => void;
  onLeave: () => void;
}

export function Me({ player, state, moved, subscores, now, over = false, onShow, onLeave }: Props) {
  const { record, around, trail, problem } = state;
  if (!record) {
    return (
      <aside className="me-missing" aria-label="The player you follow">
        <p>
          {record === null ? (
            <>
              There is no player <Name id={player} /> on this board in this season.
              {!over && " With their first score they appear here."}
            </>
          ) : problem !== null ? (
            <>
              <Name id={player} /> cannot be shown: {problem}.
            </>
          ) : (
            <>
              Looking for <Name id={player} /> …
            </>
          )}
        </p>
        <Leave onLeave={onLeave} />
      </aside>
    );
  }
  const { rank } = record;
  return (
    <>
      <aside className="me-row" aria-label="The player you follow">
        <p className="me-rank">
          <span className="for-ears">Rank </span>
          <span className="rank-number">{rank === null ? "–" : formatInteger(rank)}</span>
          <Movement moved={moved} />
        </p>
        <div className="me-who">
          <Name id={player} />
          <GapLine gap={gapOf(around, player)} />
        </div>
        <Sparkline trail={trail} now={now} />
        <p className="me-score">
          <span className="for-ears">Score </span>
          {formatInteger(record.score)}
          {subscores && <Subscore value={record.subscore} />}
        </p>
        <Leave onLeave={onLeave} />
      </aside>
      <Neighbourhood around={around} player={player} />
      {rank !== null && around.length > 1 && (
        <button type="button" className="link show" onClick={() => onShow(rank)}>
          Show in the table
        </button>
      )}
    </>
  );
}

function Leave({ onLeave }: { onLeave: () => void }) {
  return (
    <button type="button" className="leave" onClick={onLeave} title="Stop following">
      <span aria-hidden="true">×</span>
      <span className="for-ears">Stop following</span>
    </button>
  );
}

function Neighbourhood({ around, player }: { around: readonly BoardRecord[]; player: string }) {
  return (
    <ol className="neighbourhood" aria-label="The places around it">
      {around.map(({ playerId, rank, score }) => (
        <li key={playerId} aria-current={playerId === player ? "true" : undefined}>
          <span className="rank-number">{rank === null ? "–" : formatInteger(rank)}</span>
          <Name id={playerId} />
          <span className="neighbour-score">{formatInteger(score)}</span>
        </li>
      ))}
    </ol>
  );
}

// The table of the top players, in the server's order: the page never sorts, so it can never disagree.
import { useRef } from "react";
import type { BoardRecord } from "../api/documents.ts";
import { onServerClock } from "../format/clock.ts";
import { timeAgo } from "../format/time.ts";
import { movedSince, type Standing } from "../live/baseline.ts";
import { Row } from "./row.tsx";
import { shareOfLeader } from "./share.ts";
import { useReorder } from "./use-reorder.ts";

interface Props {
  records: readonly BoardRecord[];
  /** Where everybody stood before; null where nobody moves. */
  since: Standing | null;
  subscores: boolean;
  /** The player that the viewer follows. */
  own: string | null;
  higherIsBetter: boolean;
  labelledBy: string;
  now: number;
}

export function BoardTable({ records, since, subscores, own, higherIsBetter, labelledBy, now }: Props) {
  const body = useRef<HTMLTableSectionElement>(null);
  useReorder(body, records);
  const leader = records[0]?.score ?? 0;
  return (
    <table className="board" aria-labelledby={labelledBy}>
      <thead>
        <tr>
          <th scope="col" className="rank">
            Rank
          </th>
          <th scope="col" className="player">
            Player
          </th>
          <th scope="col" className="score">
            Score
            {subscores && <span className="subscore">subscore</span>}
          </th>
          <th scope="col" className="when">
            When
          </th>
        </tr>
      </thead>
      <tbody ref={body}>
        {records.map(({ playerId, rank, score, subscore, updatedAt }) => (
          <Row
            key={playerId}
            playerId={playerId}
            rank={rank}
            score={score}
            subscore={subscores ? subscore : null}
            updatedAt={updatedAt}
            ago={timeAgo(updatedAt, onServerClock(now))}
            moved={since === null ? 0 : movedSince(since, playerId, rank)}
            own={playerId === own}
            share={shareOfLeader(score, leader, higherIsBetter)}
          />
        ))}
      </tbody>
    </table>
  );
}

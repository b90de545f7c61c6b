// The table of the top players, in the server's order: the page never sorts, so it can never disagree.
import { useRef } from "react";
import type { BoardTop } from "../api/documents.ts";
import { onServerClock } from "../format/clock.ts";
import { timeAgo } from "../format/time.ts";
import type { Changes } from "../live/changes.ts";
import { Row } from "./row.tsx";
import { shareOfLeader } from "./share.ts";
import { useReorder } from "./use-reorder.ts";

interface Props {
  top: BoardTop;
  changes: Changes;
  higherIsBetter: boolean;
  labelledBy: string;
  now: number;
}

export function BoardTable({ top, changes, higherIsBetter, labelledBy, now }: Props) {
  const body = useRef<HTMLTableSectionElement>(null);
  useReorder(body, top);
  const leader = top.records[0]?.score ?? 0;
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
          </th>
          <th scope="col" className="when">
            When
          </th>
        </tr>
      </thead>
      <tbody ref={body}>
        {top.records.map(({ playerId, rank, score, updatedAt }) => {
          const moved = changes.get(playerId)?.moved ?? 0;
          return (
            <Row
              key={playerId}
              playerId={playerId}
              rank={rank}
              score={score}
              updatedAt={updatedAt}
              ago={timeAgo(updatedAt, onServerClock(now))}
              moved={moved}
              revision={moved === 0 ? "" : top.revision}
              share={shareOfLeader(score, leader, higherIsBetter)}
            />
          );
        })}
      </tbody>
    </table>
  );
}

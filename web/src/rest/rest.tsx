// The board below its live top, to the very last: only the rows in sight are there, and they move without animation.
// biome-ignore-all lint/a11y/useSemanticElements: a <table> lays its rows out by itself, and these lie where they are put
// biome-ignore-all lint/a11y/useFocusableInteractive: rows of a table, other than those of a grid, are not for focus
import { useEffect, useRef } from "react";
import { Name } from "../board/name.tsx";
import { Subscore } from "../board/row.tsx";
import { onServerClock } from "../format/clock.ts";
import { formatInteger } from "../format/number.ts";
import { timeAgo } from "../format/time.ts";
import { physicalHeight, rowsIn } from "./scroll.ts";
import { usePages } from "./use-pages.ts";
import { useScroll } from "./use-scroll.ts";
import { rowAt } from "./wanted.ts";
import "../styles/rest.css";

/** Rows drawn beyond the window on either side, so that a small move shows no edge. */
const AROUND = 8;

/** Somewhere to go, once: a new object is a new wish. */
export interface Target {
  readonly rank: number;
}

interface Props {
  id: string;
  /** The season; null for the present one. */
  version: number | null;
  /** The rank of the first row here. */
  fromRank: number;
  total: number;
  revision: string;
  subscores: boolean;
  own: string | null;
  target: Target | null;
  now: number;
}

export default function Rest({ id, version, fromRank, total, revision, subscores, own, target, now }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const { list, place, goTo } = useScroll(box, Math.max(0, total - fromRank + 1));
  const { first, end } = rowsIn(list, place, AROUND);
  const pages = usePages({ id, version, fromRank, revision }, first, end, now);

  useEffect(() => {
    if (target && target.rank >= fromRank) goTo(target.rank - fromRank);
  }, [target, fromRank, goTo]);

  const rows = [];
  for (let index = first; index < end; index++) {
    const record = rowAt(pages, index);
    const rank = fromRank + index;
    const y = Math.round(index * list.rowHeight - place.ahead);
    rows.push(
      // By place, not by player: a row here never moves, what it shows does.
      <div
        key={index}
        className={record ? "rest-row" : "rest-row awaited"}
        role="row"
        aria-rowindex={rank}
        aria-current={record && record.playerId === own ? "true" : undefined}
        data-sought={rank === target?.rank || undefined}
        style={{ transform: `translateY(${y}px)` }}
      >
        <span role="cell" className="rest-rank">
          {record?.rank === null ? "–" : formatInteger(rank)}
        </span>
        <span role="rowheader" className="rest-player">
          {record ? <Name id={record.playerId} /> : <span className="for-ears">loading</span>}
        </span>
        <span role="cell" className="rest-score">
          {record && formatInteger(record.score)}
          {record && subscores && <Subscore value={record.subscore} />}
        </span>
        <span role="cell" className="rest-when">
          {record && timeAgo(record.updatedAt, onServerClock(now))}
        </span>
      </div>,
    );
  }
  // One width for all ranks, the last included, so that names stand in line.
  const rankWidth: Record<string, string> = { "--rank-width": `${formatInteger(total).length * 0.65 + 1.2}rem` };
  return (
    <div
      ref={box}
      className="rest"
      role="table"
      aria-label={`From rank ${formatInteger(fromRank)} on`}
      aria-rowcount={total}
      style={{ height: physicalHeight(list), ...rankWidth }}
    >
      {rows}
    </div>
  );
}

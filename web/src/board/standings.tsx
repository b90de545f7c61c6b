// A board from its first to its last: the table of the top, and the rest, which is loaded when the first view stands.
import { lazy, Suspense, useEffect, useRef } from "react";
import type { BoardRecord } from "../api/documents.ts";
import type { Standing } from "../live/baseline.ts";
import type { Target } from "../rest/rest.tsx";
import { BoardTable } from "./board-table.tsx";

const Rest = lazy(() => import("../rest/rest.tsx"));

/** How many rows are live. */
export const TOP_ROWS = 50;
export const TITLE_ID = "board-title";

interface Props {
  id: string;
  /** The season; null for the present one. */
  version: number | null;
  records: readonly BoardRecord[];
  total: number;
  revision: string;
  since: Standing | null;
  subscores: boolean;
  own: string | null;
  higherIsBetter: boolean;
  target: Target | null;
  now: number;
}

export function Standings({ id, version, records, total, revision, target, ...table }: Props) {
  const { subscores, own, now } = table;
  const box = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (!target || target.rank > TOP_ROWS) return;
    const row = box.current?.querySelectorAll("tbody tr")[target.rank - 1];
    row?.scrollIntoView({ block: "center", behavior: "instant" });
  }, [target]);

  if (records.length === 0) return null;
  return (
    <div ref={box}>
      <BoardTable records={records} labelledBy={TITLE_ID} {...table} />
      {total > records.length && records.length === TOP_ROWS && (
        <Suspense fallback={null}>
          <Rest
            id={id}
            version={version}
            fromRank={TOP_ROWS + 1}
            total={total}
            revision={revision}
            subscores={subscores}
            own={own}
            target={target}
            now={now}
          />
        </Suspense>
      )}
    </div>
  );
}

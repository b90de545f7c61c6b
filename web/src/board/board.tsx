// One board, live: its title, what is to be known about it, and its table or what stands in for it.
import { useEffect, useRef, useState } from "react";
import { useQuery } from "urql";
import { BoardQuery, type BoardRules } from "../api/documents.ts";
import { legible } from "../format/name.ts";
import { count, formatInteger } from "../format/number.ts";
import { type Baseline, standingAt } from "../live/baseline.ts";
import { type Link, useLink } from "../live/link.ts";
import type { Status } from "../live/status.ts";
import { useBoardTop } from "../live/use-board-top.ts";
import { useStatus } from "../live/use-status.ts";
import { LiveMe } from "../me/live-me.tsx";
import { HowToStart } from "../page/how-to-start.tsx";
import { Notice } from "../page/notice.tsx";
import type { Go } from "../page/use-address.ts";
import { BoardTable } from "./board-table.tsx";
import { Name } from "./name.tsx";
import { Skeleton } from "./skeleton.tsx";
import { Tools } from "./tools.tsx";

/** How many rows are shown. */
const TOP = 50;
const TITLE_ID = "board-title";

interface Props {
  id: string;
  player: string | null;
  go: Go;
  link: Link;
  onStatus: (status: Status) => void;
}

export function Board({ id, player, go, link, onStatus }: Props) {
  const { top, history, problem, current } = useBoardTop(link, id, TOP);
  const [baseline, setBaseline] = useState<Baseline>("opened");
  const { open } = useLink(link);
  const { rules, missing } = useRules(link, id, top !== null);
  // That there is no such board is an answer, too.
  const { status, now } = useStatus(link, current || (missing && open));
  useEffect(() => onStatus(status), [status, onStatus]);
  useEffect(() => {
    document.title = `${legible(id)} · hiscore`;
  }, [id]);
  const subscores = top?.records.some(({ subscore }) => subscore !== 0) ?? false;

  return (
    <section aria-labelledby={TITLE_ID} aria-busy={top === null && !missing}>
      <h1 id={TITLE_ID}>
        <Name id={id} />
      </h1>
      <p className="facts">
        {top && <span>{count(top.totalCount, "player", "players")}</span>}
        {top && <span>Season {formatInteger(top.versionId)}</span>}
        {rules && <span>{inWords(rules)}</span>}
        {!top && !missing && <span>Fetching the board …</span>}
      </p>
      {!missing && <Notice status={status} now={now} rankState={top?.rankState ?? "EXACT"} problem={problem} />}
      {top && <Tools player={player} go={go} baseline={baseline} onBaseline={setBaseline} />}
      {top && player !== null && (
        <LiveMe
          key={`${top.versionId} ${player}`}
          board={id}
          player={player}
          revision={top.revision}
          paused={false}
          baseline={baseline}
          subscores={subscores}
          now={now}
          onLeave={() => go({ player: null })}
        />
      )}
      {top && top.records.length > 0 && (
        <BoardTable
          records={top.records}
          since={history && standingAt(history, baseline, now)}
          subscores={subscores}
          own={player}
          higherIsBetter={rules?.sortOrder === "DESC"}
          labelledBy={TITLE_ID}
          now={now}
        />
      )}
      {top && top.records.length > 0 && top.totalCount > top.records.length && (
        <p className="below">
          The top {formatInteger(top.records.length)} of {formatInteger(top.totalCount)}
        </p>
      )}
      {top && top.records.length === 0 && (
        <p className="quiet">Nobody has scored in this season yet. The first score will appear here by itself.</p>
      )}
      {!top && missing && <HowToStart boardId={id} />}
      {!top && !missing && <Skeleton />}
    </section>
  );
}

/**
 * The board's rules, which never change once it exists; asked for again with every connection while it does not.
 */
function useRules(link: Link, id: string, exists: boolean): { rules: BoardRules | null; missing: boolean } {
  const { connection } = useLink(link);
  const [{ data, error, fetching }, ask] = useQuery({ query: BoardQuery, variables: { id } });
  const rules = data?.leaderboard ?? null;
  // The first connection opens while the first question is under way.
  const reason = `${exists} ${Math.max(1, connection)}`;
  const asked = useRef(reason);
  useEffect(() => {
    if (rules !== null || fetching || asked.current === reason) return;
    asked.current = reason;
    ask({ requestPolicy: "network-only" });
  }, [rules, fetching, reason, ask]);
  return { rules, missing: !exists && !error && data !== undefined && rules === null };
}

function inWords({ operator, sortOrder }: BoardRules): string {
  const counts = { BEST: "Best score counts", SET: "Latest score counts", INCREMENT: "Scores add up" }[operator];
  return `${counts}, ${sortOrder === "DESC" ? "highest" : "lowest"} first`;
}

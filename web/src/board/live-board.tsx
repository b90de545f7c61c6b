// The present season of a board, live: its head, its tools, what is to be said about its age, and its standings.
import { useEffect, useRef, useState } from "react";
import type { BoardRules, BoardTop } from "../api/documents.ts";
import { formatInteger } from "../format/number.ts";
import { useSay } from "../live/announcer.tsx";
import { type Baseline, standingAt } from "../live/baseline.ts";
import { type Link, useLink } from "../live/link.ts";
import type { Status } from "../live/status.ts";
import { summaryOf } from "../live/summary.ts";
import { useBoardTop } from "../live/use-board-top.ts";
import { useStatus } from "../live/use-status.ts";
import { LiveMe } from "../me/live-me.tsx";
import { HowToStart } from "../page/how-to-start.tsx";
import { Notice } from "../page/notice.tsx";
import type { Go } from "../page/use-address.ts";
import { BoardHead } from "./board-head.tsx";
import { Skeleton } from "./skeleton.tsx";
import { Standings, TOP_ROWS } from "./standings.tsx";
import { Tools } from "./tools.tsx";
import { useTarget } from "./use-target.ts";

interface Props {
  id: string;
  player: string | null;
  rules: BoardRules | null;
  missing: boolean;
  go: Go;
  link: Link;
  onStatus: (status: Status) => void;
  onSeason: (version: number) => void;
}

export function LiveBoard({ id, player, rules, missing, go, link, onStatus, onSeason }: Props) {
  const [paused, setPaused] = useState(false);
  const [baseline, setBaseline] = useState<Baseline>("opened");
  const [target, goTo] = useTarget();
  const { top, history, problem, gone, ended, current } = useBoardTop(link, id, TOP_ROWS, paused);
  const { open } = useLink(link);
  const rankState = top?.rankState ?? "EXACT";
  const nothing = missing && top === null;
  // That there is no such board is an answer, too.
  const { status, now } = useStatus(link, { current: current || (nothing && open), paused, rankState });
  useEffect(() => onStatus(status), [status, onStatus]);
  const season = top?.versionId ?? null;
  useEffect(() => {
    if (season !== null) onSeason(season);
  }, [season, onSeason]);

  // Compared with what was last told, not with the push before: only so does it add up.
  const say = useSay();
  const told = useRef<BoardTop | null>(null);
  useEffect(() => {
    if (!top) return;
    const summary = told.current && summaryOf(told.current, top);
    if (summary) say("board", summary);
    if (summary || !told.current) told.current = top;
  }, [top, say]);

  if (!top) {
    return (
      <>
        <BoardHead id={id} total={null} present={null} shown={null} rules={null} go={go} />
        {!nothing && <Notice status={status} now={now} rankState={rankState} problem={problem} gone={false} />}
        {nothing ? <HowToStart boardId={id} /> : <Skeleton />}
      </>
    );
  }
  const subscores = top.records.some(({ subscore }) => subscore !== 0);
  return (
    <>
      <BoardHead id={id} total={top.totalCount} present={season} shown={season} rules={rules} go={go} />
      <Notice status={status} now={now} rankState={rankState} problem={problem} gone={gone} />
      {ended !== null && (
        <p className="notice">
          Season {formatInteger(top.versionId)} has begun.{" "}
          <button type="button" className="link" onClick={() => go({ version: ended })}>
            See how season {formatInteger(ended)} ended
          </button>
        </p>
      )}
      <Tools
        player={player}
        go={go}
        total={top.totalCount}
        onGoTo={goTo}
        live={{ baseline, onBaseline: setBaseline, paused, onPause: setPaused }}
      />
      {player !== null && (
        <LiveMe
          key={`${top.versionId} ${player}`}
          board={id}
          player={player}
          revision={top.revision}
          paused={paused}
          baseline={baseline}
          subscores={subscores}
          now={now}
          onShow={goTo}
          onLeave={() => go({ player: null })}
        />
      )}
      {top.records.length === 0 && (
        <p className="quiet">Nobody has scored in this season yet. The first score will appear here by itself.</p>
      )}
      <Standings
        key={top.versionId}
        id={id}
        version={null}
        records={top.records}
        total={top.totalCount}
        revision={top.revision}
        since={history && standingAt(history, baseline, now)}
        subscores={subscores}
        own={player}
        higherIsBetter={rules?.sortOrder === "DESC"}
        target={target}
        now={now}
      />
    </>
  );
}

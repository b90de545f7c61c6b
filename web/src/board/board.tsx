// One board, as the address asks for it: its present season, live; an ended one; or why there is neither.
import { useCallback, useEffect, useState } from "react";
import { formatInteger } from "../format/number.ts";
import type { Link } from "../live/link.ts";
import type { Status } from "../live/status.ts";
import type { Go } from "../page/use-address.ts";
import { PastSeason } from "../season/past-season.tsx";
import { BoardHead } from "./board-head.tsx";
import { LiveBoard } from "./live-board.tsx";
import { Skeleton } from "./skeleton.tsx";
import { TITLE_ID } from "./standings.tsx";
import { useRules } from "./use-rules.ts";

interface Props {
  id: string;
  /** The season that the address asks for; null for the present one. */
  version: number | null;
  player: string | null;
  go: Go;
  link: Link;
  onStatus: (status: Status) => void;
}

export function Board({ id, version, player, go, link, onStatus }: Props) {
  // The newest season that was seen, live or not.
  const [seen, setSeen] = useState<number | null>(null);
  const { rules, missing, refusal } = useRules(link, id, seen !== null);
  const present = seen ?? rules?.versionId ?? null;
  const common = { id, player, go, link, onStatus };

  if (refusal !== null) return <Refused id={id} refusal={refusal} go={go} onStatus={onStatus} />;
  return (
    <section aria-labelledby={TITLE_ID}>
      {version === null || version === present || missing ? (
        <LiveBoard {...common} rules={rules} missing={missing} onSeason={setSeen} />
      ) : present === null || rules === null ? (
        <>
          <BoardHead id={id} total={null} present={null} shown={null} rules={null} go={go} />
          <Skeleton />
        </>
      ) : version < present ? (
        <PastSeason key={version} {...common} rules={rules} version={version} present={present} />
      ) : (
        <NotYet {...common} version={version} present={present} />
      )}
    </section>
  );
}

interface NotYetProps {
  id: string;
  version: number;
  present: number;
  go: Go;
  onStatus: (status: Status) => void;
}

/** A link to a season that has not begun. */
function NotYet({ id, version, present, go, onStatus }: NotYetProps) {
  useEffect(() => onStatus({ kind: "final", freshAt: null }), [onStatus]);
  const leave = useCallback(() => go({ version: null }), [go]);
  return (
    <>
      <BoardHead id={id} total={null} present={null} shown={null} rules={null} go={go} />
      <p className="notice">
        There is no season {formatInteger(version)} of this board yet; the present one is {formatInteger(present)}.{" "}
        <button type="button" className="link" onClick={leave}>
          See it
        </button>
      </p>
    </>
  );
}

interface RefusedProps {
  id: string;
  refusal: string;
  go: Go;
  onStatus: (status: Status) => void;
}

/** A link to something that cannot be a board's id. */
function Refused({ id, refusal, go, onStatus }: RefusedProps) {
  useEffect(() => onStatus({ kind: "final", freshAt: null }), [onStatus]);
  return (
    <section aria-labelledby={TITLE_ID}>
      <BoardHead id={id} total={null} present={null} shown={null} rules={null} go={go} />
      <p className="notice">
        No board can have this id: {refusal}.{" "}
        <button type="button" className="link" onClick={() => go({ board: null, version: null })}>
          See another board
        </button>
      </p>
    </section>
  );
}

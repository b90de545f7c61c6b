// A season that is over: how it ended, and where a player ended in it. It never changes, and says so.
import { useEffect } from "react";
import { useQuery } from "urql";
import { AroundQuery, type BoardRules } from "../api/documents.ts";
import { BoardHead } from "../board/board-head.tsx";
import { Skeleton } from "../board/skeleton.tsx";
import { Standings, TOP_ROWS } from "../board/standings.tsx";
import { Tools } from "../board/tools.tsx";
import { useTarget } from "../board/use-target.ts";
import { formatInteger } from "../format/number.ts";
import type { Link } from "../live/link.ts";
import type { Status } from "../live/status.ts";
import { useNow } from "../live/use-now.ts";
import { Me } from "../me/me.tsx";
import { RANGE } from "../me/use-player.ts";
import type { Go } from "../page/use-address.ts";
import { useSeason } from "./use-season.ts";

interface Props {
  id: string;
  version: number;
  present: number;
  rules: BoardRules;
  player: string | null;
  go: Go;
  link: Link;
  onStatus: (status: Status) => void;
}

export function PastSeason({ id, version, present, rules, player, go, link, onStatus }: Props) {
  const now = useNow();
  const { season, problem } = useSeason(link, id, version, TOP_ROWS);
  const [target, goTo] = useTarget();
  const kind = season ? "final" : "connecting";
  useEffect(() => onStatus({ kind, freshAt: null }), [kind, onStatus]);

  const subscores = season?.records.some(({ subscore }) => subscore !== 0) ?? false;
  return (
    <>
      <BoardHead id={id} total={season?.total ?? null} present={present} shown={version} rules={rules} go={go} />
      <p className="notice">
        {problem ?? `Season ${formatInteger(version)} is over: this is how it ended.`}{" "}
        <button type="button" className="link" onClick={() => go({ version: null })}>
          See the present season
        </button>
      </p>
      {season && <Tools player={player} go={go} total={season.total} onGoTo={goTo} />}
      {season && player !== null && (
        <PastMe
          key={player}
          id={id}
          version={version}
          player={player}
          subscores={subscores}
          now={now}
          go={go}
          onShow={goTo}
        />
      )}
      {season ? (
        <Standings
          id={id}
          version={version}
          records={season.records}
          total={season.total}
          revision="final"
          since={null}
          subscores={subscores}
          own={player}
          higherIsBetter={rules.sortOrder === "DESC"}
          target={target}
          now={now}
        />
      ) : (
        <Skeleton />
      )}
    </>
  );
}

interface MeProps {
  id: string;
  version: number;
  player: string;
  subscores: boolean;
  now: number;
  go: Go;
  onShow: (rank: number) => void;
}

function PastMe({ id, version, player, subscores, now, go, onShow }: MeProps) {
  const [{ data, error }] = useQuery({ query: AroundQuery, variables: { id, player, version, range: RANGE } });
  const around = data?.leaderboard?.around ?? [];
  const record = data ? (around.find(({ playerId }) => playerId === player) ?? null) : undefined;
  const problem = error?.graphQLErrors[0]?.message ?? error?.message ?? null;
  return (
    <Me
      player={player}
      state={{ record, around, trail: [], problem }}
      moved={0}
      subscores={subscores}
      now={now}
      over
      onShow={onShow}
      onLeave={() => go({ player: null })}
    />
  );
}

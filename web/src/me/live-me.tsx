// The followed player on a board that is live: keeps the state that `Me` shows.
import { useEffect } from "react";
import { legible } from "../format/name.ts";
import { formatInteger } from "../format/number.ts";
import { useSay } from "../live/announcer.tsx";
import type { Baseline } from "../live/baseline.ts";
import { Me } from "./me.tsx";
import { sampleAt } from "./trail.ts";
import { usePlayer } from "./use-player.ts";

interface Props {
  board: string;
  player: string;
  /** Of the board: a new one is a reason to look at the neighbourhood again. */
  revision: string;
  paused: boolean;
  baseline: Baseline;
  subscores: boolean;
  now: number;
  onShow: (rank: number) => void;
  onLeave: () => void;
}

export function LiveMe({ board, player, revision, paused, baseline, subscores, now, onShow, onLeave }: Props) {
  const state = usePlayer(board, player, revision, paused);
  const before = sampleAt(state.trail, baseline, now)?.rank ?? null;
  const rank = state.record?.rank ?? null;
  const moved = before === null || rank === null ? 0 : before - rank;
  const say = useSay();
  useEffect(() => {
    if (rank !== null) say("player", `${legible(player)} is at rank ${formatInteger(rank)}.`);
  }, [say, player, rank]);
  return (
    <Me player={player} state={state} moved={moved} subscores={subscores} now={now} onShow={onShow} onLeave={onLeave} />
  );
}

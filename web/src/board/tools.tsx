// What a viewer can do with a board: find a player, go to a rank; if it is live, hold it, and choose the baseline.
import type { Baseline } from "../live/baseline.ts";
import { FindForm } from "../me/find-form.tsx";
import type { Go } from "../page/use-address.ts";
import { BaselinePicker } from "./baseline-picker.tsx";
import { RankForm } from "./rank-form.tsx";
import { TOP_ROWS } from "./standings.tsx";

interface Props {
  player: string | null;
  go: Go;
  total: number;
  onGoTo: (rank: number) => void;
  live?: {
    readonly baseline: Baseline;
    readonly onBaseline: (baseline: Baseline) => void;
    readonly paused: boolean;
    readonly onPause: (paused: boolean) => void;
  };
}

export function Tools({ player, go, total, onGoTo, live }: Props) {
  return (
    <div className="tools">
      <FindForm player={player} onFind={(found) => go({ player: found })} />
      {total > TOP_ROWS && <RankForm total={total} onGoTo={onGoTo} />}
      {live && (
        <button type="button" className="tool" onClick={() => live.onPause(!live.paused)}>
          {live.paused ? "Resume" : "Pause"}
        </button>
      )}
      {live && <BaselinePicker baseline={live.baseline} onChoose={live.onBaseline} />}
    </div>
  );
}

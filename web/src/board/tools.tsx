// What a viewer can do with a board: find a player, and choose what movement is counted from.
import type { Baseline } from "../live/baseline.ts";
import { FindForm } from "../me/find-form.tsx";
import type { Go } from "../page/use-address.ts";
import { BaselinePicker } from "./baseline-picker.tsx";

interface Props {
  player: string | null;
  go: Go;
  baseline: Baseline;
  onBaseline: (baseline: Baseline) => void;
}

export function Tools({ player, go, baseline, onBaseline }: Props) {
  return (
    <div className="tools">
      <FindForm player={player} onFind={(found) => go({ player: found })} />
      <BaselinePicker baseline={baseline} onChoose={onBaseline} />
    </div>
  );
}

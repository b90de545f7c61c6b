// States what the arrows are counted from, and lets the viewer choose it.
import type { Baseline } from "../live/baseline.ts";

const FIELD_ID = "baseline";

interface Props {
  baseline: Baseline;
  onChoose: (baseline: Baseline) => void;
}

export function BaselinePicker({ baseline, onChoose }: Props) {
  return (
    <div className="picker quiet-picker">
      <label htmlFor={FIELD_ID}>
        <span aria-hidden="true">▲▼ </span>Moves
      </label>
      <select id={FIELD_ID} value={baseline} onChange={(event) => onChoose(event.target.value as Baseline)}>
        <option value="opened">since you opened it</option>
        <option value="minute">in the last minute</option>
      </select>
    </div>
  );
}

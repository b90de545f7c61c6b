// Which season is shown. The present one is live, all others are over.
import { formatInteger } from "../format/number.ts";

const FIELD_ID = "season-picker";
/** A board may have had thousands; the older ones are reached by link. */
const LISTED = 100;

interface Props {
  present: number;
  shown: number;
  /** Null for the present one, whichever that will be. */
  onChoose: (version: number | null) => void;
}

export function SeasonPicker({ present, shown, onChoose }: Props) {
  if (present === 1) return <span>Season 1</span>;
  const oldest = Math.max(1, present - LISTED + 1);
  const listed = Array.from({ length: present - oldest + 1 }, (_, index) => present - index);
  const options = shown < oldest ? [...listed, shown] : listed;
  return (
    <span className="season">
      <label htmlFor={FIELD_ID}>Season</label>
      <select
        id={FIELD_ID}
        value={shown}
        onChange={(event) => {
          const chosen = Number(event.target.value);
          onChoose(chosen === present ? null : chosen);
        }}
      >
        {options.map((version) => (
          <option key={version} value={version}>
            {formatInteger(version)}
          </option>
        ))}
      </select>
    </span>
  );
}

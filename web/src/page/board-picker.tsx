// Chooses the board. A native select: it works by keyboard, by touch and for screen readers everywhere.
import { legible } from "../format/name.ts";

const FIELD_ID = "board-picker";

interface Props {
  boards: readonly string[];
  more: boolean;
  chosen: string;
  onChoose: (id: string) => void;
}

export function BoardPicker({ boards, more, chosen, onChoose }: Props) {
  // A deep link may lead to a board that is not among the first ones, or does not exist yet.
  const options = boards.includes(chosen) ? boards : [chosen, ...boards];
  return (
    <div className="picker">
      <label htmlFor={FIELD_ID}>Board</label>
      <select id={FIELD_ID} value={chosen} onChange={(event) => onChoose(event.target.value)} dir="auto">
        {options.map((id) => (
          <option key={id} value={id}>
            {legible(id)}
          </option>
        ))}
        {more && <option disabled>… more: open them with ?board=ID</option>}
      </select>
    </div>
  );
}

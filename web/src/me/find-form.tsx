// Where a viewer says who they are. Exactly as the game spells it: the API knows players by their ids alone.
import type { FormEvent } from "react";

const FIELD_ID = "find-me";

interface Props {
  player: string | null;
  onFind: (player: string | null) => void;
}

export function FindForm({ player, onFind }: Props) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const entered = new FormData(event.currentTarget).get("player");
    onFind(typeof entered === "string" && entered !== "" ? entered : null);
  };
  return (
    <form className="field" onSubmit={submit}>
      <label htmlFor={FIELD_ID} className="for-ears">
        Your player id
      </label>
      <input
        // Following another player, by a link or by "back", shows in the field.
        key={player}
        id={FIELD_ID}
        name="player"
        defaultValue={player ?? ""}
        placeholder="Your player id"
        dir="auto"
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
      />
      <button type="submit">Find me</button>
    </form>
  );
}

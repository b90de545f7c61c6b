// Goes to a rank, however far down.
import type { FormEvent } from "react";

const FIELD_ID = "go-to-rank";

interface Props {
  total: number;
  onGoTo: (rank: number) => void;
}

export function RankForm({ total, onGoTo }: Props) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    // Whatever stands between the digits: "1,000,000" and "1.000.000" are how people write.
    const digits = String(new FormData(event.currentTarget).get("rank") ?? "").replace(/\D/g, "");
    if (digits !== "") onGoTo(Math.min(total, Math.max(1, Number(digits))));
  };
  return (
    <form className="field rank-field" onSubmit={submit}>
      <label htmlFor={FIELD_ID} className="for-ears">
        Rank to go to
      </label>
      <input id={FIELD_ID} name="rank" placeholder="Rank" inputMode="numeric" autoComplete="off" />
      <button type="submit">Go</button>
    </form>
  );
}

// The title of a board and what is to be known about it.
import { useEffect } from "react";
import type { BoardRules } from "../api/documents.ts";
import { legible } from "../format/name.ts";
import { count } from "../format/number.ts";
import type { Go } from "../page/use-address.ts";
import { SeasonPicker } from "../season/season-picker.tsx";
import { Name } from "./name.tsx";
import { TITLE_ID } from "./standings.tsx";

interface Props {
  id: string;
  total: number | null;
  /** The present season and the one that is shown; null while they are not known. */
  present: number | null;
  shown: number | null;
  rules: BoardRules | null;
  go: Go;
}

export function BoardHead({ id, total, present, shown, rules, go }: Props) {
  useEffect(() => {
    document.title = `${legible(id)} · hiscore`;
  }, [id]);
  return (
    <>
      <h1 id={TITLE_ID}>
        <Name id={id} />
      </h1>
      <p className="facts">
        {total !== null && <span>{count(total, "player", "players")}</span>}
        {present !== null && shown !== null && (
          <SeasonPicker present={present} shown={shown} onChoose={(version) => go({ version })} />
        )}
        {total !== null && rules && <span>{inWords(rules)}</span>}
      </p>
    </>
  );
}

function inWords({ operator, sortOrder }: BoardRules): string {
  const counts = { BEST: "Best score counts", SET: "Latest score counts", INCREMENT: "Scores add up" }[operator];
  return `${counts}, ${sortOrder === "DESC" ? "highest" : "lowest"} first`;
}

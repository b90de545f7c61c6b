// A line above the table whenever it is not exactly the present, saying why and how old it is.
import type { BoardTop } from "../api/documents.ts";
import type { Status } from "../live/status.ts";
import { wording } from "../live/wording.ts";

interface Props {
  status: Status;
  now: number;
  rankState: BoardTop["rankState"];
  problem: string | null;
}

export function Notice({ status, now, rankState, problem }: Props) {
  const text = wording(status, now, rankState, problem);
  if (text === null) return null;
  const calm = status.kind === "live" || status.kind === "connecting";
  return <p className={calm ? "notice" : "notice trouble"}>{text}</p>;
}

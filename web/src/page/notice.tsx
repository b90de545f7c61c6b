// A line above the table whenever it is not exactly the present, saying why and how old it is.
import type { BoardTop } from "../api/documents.ts";
import { isLive, type Status } from "../live/status.ts";
import { wording } from "../live/wording.ts";

interface Props {
  status: Status;
  now: number;
  rankState: BoardTop["rankState"];
  problem: string | null;
  gone: boolean;
}

export function Notice({ status, now, rankState, problem, gone }: Props) {
  const text = wording(status, now, rankState, problem, gone);
  if (text === null) return null;
  const calm = isLive(status) || status.kind === "connecting" || status.kind === "paused";
  return <p className={calm ? "notice" : "notice trouble"}>{text}</p>;
}

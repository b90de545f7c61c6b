// A line above the table whenever it is not exactly the present, saying why and how old it is.
import type { BoardTop } from "../api/documents.ts";
import { duration } from "../format/time.ts";
import { ageSeconds, type Status } from "../live/status.ts";

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

function wording(status: Status, now: number, rankState: Props["rankState"], problem: string | null): string | null {
  if (status.kind !== "live" && status.freshAt !== null) {
    const age = duration(ageSeconds(status, now));
    const why = status.kind === "offline" ? "This device is offline." : (problem ?? "The server does not answer.");
    return `${sentence(why)} This is the board as it was ${age} ago; it will catch up by itself.`;
  }
  if (status.kind !== "live") return problem === null ? null : `${sentence(problem)} Trying again …`;
  switch (rankState) {
    case "EXACT":
      return null;
    case "WARMING":
      return "Ranks are being loaded: the scores are right, the places follow in a moment.";
    case "STALE":
      return "The ranking tier is away: this is the board as last stored, and may be some seconds behind.";
  }
}

const sentence = (text: string): string => (/[.!?…]$/.test(text) ? text : `${text}.`);

// What the page says when its table is not exactly the present: why, and how old it is. Pure.
import type { BoardTop } from "../api/documents.ts";
import { duration } from "../format/time.ts";
import { ageSeconds, type Status } from "./status.ts";

/** Null when there is nothing to say. */
export function wording(
  status: Status,
  now: number,
  rankState: BoardTop["rankState"],
  problem: string | null,
): string | null {
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
      return "The ranks are still being loaded; the places follow in a moment.";
    case "STALE":
      return "The ranking tier is away: this is the board as last stored, and may be some seconds behind.";
  }
}

const sentence = (text: string): string => (/[.!?…]$/.test(text) ? text : `${text}.`);

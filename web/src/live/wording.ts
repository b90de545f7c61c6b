// What the page says when its table is not exactly the present: why, and how old it is. Pure.
import type { BoardTop } from "../api/documents.ts";
import { duration } from "../format/time.ts";
import { ageSeconds, isLive, type Status } from "./status.ts";

/** Null when there is nothing to say. */
export function wording(
  status: Status,
  now: number,
  rankState: BoardTop["rankState"],
  problem: string | null,
  gone = false,
): string | null {
  if (status.kind === "final") return null;
  if (status.kind === "paused") {
    return status.freshAt === null ? "Paused." : `Paused. This is the board as it was ${agoOf(status, now)}.`;
  }
  if (gone) return `This board no longer exists. This is what was last seen of it, ${agoOf(status, now)}.`;
  if (!isLive(status) && status.freshAt !== null) {
    const why = status.kind === "offline" ? "This device is offline." : (problem ?? "The server does not answer.");
    return `${sentence(why)} This is the board as it was ${agoOf(status, now)}; it will catch up by itself.`;
  }
  if (!isLive(status)) return problem === null ? null : `${sentence(problem)} Trying again …`;
  switch (rankState) {
    case "EXACT":
      return null;
    case "WARMING":
      return "The ranks are still being loaded; the places follow in a moment.";
    case "STALE":
      return "The ranking tier is away: this is the board as last stored, and may be some seconds behind.";
  }
}

const agoOf = (status: Status, now: number): string => `${duration(ageSeconds(status, now))} ago`;

const sentence = (text: string): string => (/[.!?…]$/.test(text) ? text : `${text}.`);

// What the page says about itself: is what it shows the present, and if not, since when. Pure.

import type { BoardTop } from "../api/documents.ts";

export type StatusKind =
  | "connecting"
  | "live"
  /** Live, but the ranks are still being loaded. */
  | "warming"
  /** Live, but read from the store, since the ranking tier is away. */
  | "stored"
  | "reconnecting"
  | "stale"
  | "offline"
  /** The viewer wants it to stand still. */
  | "paused"
  /** Nothing about it will change: a season that is over. */
  | "final";

export interface Status {
  readonly kind: StatusKind;
  /** The last moment at which the table was known to be the present one; null before the first table. */
  readonly freshAt: number | null;
}

export interface Signals {
  /** The socket is open, and what is shown came over this very connection, with no error since. */
  readonly current: boolean;
  /** When the server last gave a sign of life. */
  readonly heardAt: number | null;
  /** What the browser thinks of its network. Only consulted in trouble: it is wrong about local servers. */
  readonly online: boolean;
  readonly now: number;
  /** The viewer wants the table to stay as it is. */
  readonly paused: boolean;
  readonly rankState: BoardTop["rankState"];
}

/** A gap shorter than this is a hiccup; from here on the page calls its table stale. */
export const STALE_AFTER_MS = 10_000;

export const UNKNOWN: Status = { kind: "connecting", freshAt: null };

const LIVE_KINDS = { EXACT: "live", WARMING: "warming", STALE: "stored" } as const;

/** The table is what the server has now. */
export const isLive = ({ kind }: Status): boolean => kind === "live" || kind === "warming" || kind === "stored";

export function nextStatus(previous: Status, signals: Signals): Status {
  const { freshAt } = previous;
  if (signals.paused) return { kind: "paused", freshAt };
  if (signals.current) return { kind: LIVE_KINDS[signals.rankState], freshAt: signals.heardAt ?? signals.now };
  const kind = !signals.online
    ? "offline"
    : freshAt === null
      ? "connecting"
      : signals.now - freshAt < STALE_AFTER_MS
        ? "reconnecting"
        : "stale";
  return { kind, freshAt };
}

/** Whole seconds that the table is old; 0 while it is live. */
export function ageSeconds(status: Status, now: number): number {
  if (isLive(status) || status.freshAt === null) return 0;
  return Math.max(0, Math.floor((now - status.freshAt) / 1000));
}

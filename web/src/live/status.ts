// What the page says about itself: is what it shows the present, and if not, since when. Pure.

export type StatusKind = "connecting" | "live" | "reconnecting" | "stale" | "offline";

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
}

/** A gap shorter than this is a hiccup; from here on the page calls its table stale. */
export const STALE_AFTER_MS = 10_000;

export const UNKNOWN: Status = { kind: "connecting", freshAt: null };

export function nextStatus(previous: Status, signals: Signals): Status {
  if (signals.current) return { kind: "live", freshAt: signals.heardAt ?? signals.now };
  const { freshAt } = previous;
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
  if (status.kind === "live" || status.freshAt === null) return 0;
  return Math.max(0, Math.floor((now - status.freshAt) / 1000));
}

// Turns what the link and the board know into the one status that the page shows, second by second.
import { useEffect, useState } from "react";
import type { Link } from "./link.ts";
import { nextStatus, type Signals, type Status, UNKNOWN } from "./status.ts";
import { useNow } from "./use-now.ts";

/** What its user knows; the rest it finds out. */
type Watched = Pick<Signals, "current" | "paused" | "rankState">;

export function useStatus(link: Link, signals: Watched): { status: Status; now: number } {
  const { current, paused, rankState } = signals;
  const now = useNow();
  const [status, setStatus] = useState(UNKNOWN);
  useEffect(() => {
    setStatus((previous) => {
      const next = nextStatus(previous, {
        current,
        heardAt: link.heardAt(),
        online: navigator.onLine,
        now,
        paused,
        rankState,
      });
      return next.kind === previous.kind && next.freshAt === previous.freshAt ? previous : next;
    });
  }, [link, current, paused, rankState, now]);
  return { status, now };
}

// Turns what the link and the board know into the one status that the page shows, second by second.
import { useEffect, useState } from "react";
import type { Link } from "./link.ts";
import { nextStatus, type Status, UNKNOWN } from "./status.ts";
import { useNow } from "./use-now.ts";

export function useStatus(link: Link, current: boolean): { status: Status; now: number } {
  const now = useNow();
  const [status, setStatus] = useState(UNKNOWN);
  useEffect(() => {
    setStatus((previous) => {
      const next = nextStatus(previous, { current, heardAt: link.heardAt(), online: navigator.onLine, now });
      return next.kind === previous.kind && next.freshAt === previous.freshAt ? previous : next;
    });
  }, [link, current, now]);
  return { status, now };
}

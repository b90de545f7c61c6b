// Whether the page is live, in one word. Assistive technology is told when the word changes, not every second.
import { useEffect } from "react";
import { duration } from "../format/time.ts";
import { useSay } from "../live/announcer.tsx";
import { ageSeconds, isLive, type Status, type StatusKind } from "../live/status.ts";
import { useNow } from "../live/use-now.ts";

const WORD: Record<StatusKind, string> = {
  connecting: "Connecting",
  live: "Live",
  warming: "Ranks loading",
  stored: "From the store",
  reconnecting: "Reconnecting",
  stale: "Stale",
  offline: "Offline",
  paused: "Paused",
  final: "Final",
};

export function StatusChip({ status }: { status: Status }) {
  const now = useNow();
  const say = useSay();
  useEffect(() => say("status", `${WORD[status.kind]}.`), [say, status.kind]);
  const seconds = ageSeconds(status, now);
  return (
    <p className={`chip ${status.kind}`} data-status={status.kind}>
      <span className="dot" aria-hidden="true" />
      <span>{WORD[status.kind]}</span>
      {!isLive(status) && status.freshAt !== null && (
        <span className="age" aria-hidden="true">
          {duration(seconds)}
        </span>
      )}
    </p>
  );
}

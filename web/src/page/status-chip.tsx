// Whether the page is live, in one word. Assistive technology is told when the word changes, not every second.
import { duration } from "../format/time.ts";
import { ageSeconds, type Status, type StatusKind } from "../live/status.ts";
import { useNow } from "../live/use-now.ts";

const WORD: Record<StatusKind, string> = {
  connecting: "Connecting",
  live: "Live",
  reconnecting: "Reconnecting",
  stale: "Stale",
  offline: "Offline",
};

export function StatusChip({ status }: { status: Status }) {
  const now = useNow();
  const seconds = ageSeconds(status, now);
  return (
    <p className={`chip ${status.kind}`} data-status={status.kind}>
      <span className="dot" aria-hidden="true" />
      <span role="status">{WORD[status.kind]}</span>
      {status.kind !== "live" && status.freshAt !== null && (
        <span className="age" aria-hidden="true">
          {duration(seconds)}
        </span>
      )}
    </p>
  );
}

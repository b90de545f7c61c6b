// Looks at the server's metrics and health every two seconds, for as long as somebody looks at the page.
import { useEffect, useState } from "react";
import { type Part, parseHealth, rolesOf } from "./health.ts";
import { type Reading, readingOf, withReading } from "./readings.ts";

const EVERY_MS = 2_000;
/** An answer that takes longer is none. */
const WITHIN_MS = 5_000;

export interface FunnelState {
  readonly readings: readonly Reading[];
  readonly parts: readonly Part[];
}

export function useFunnel(): FunnelState {
  const [state, setState] = useState<FunnelState>({ readings: [], parts: [] });

  useEffect(() => {
    let stopped = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async (path: string) =>
      (await fetch(path, { signal: AbortSignal.timeout(WITHIN_MS), cache: "no-store" })).text();
    const look = async () => {
      clearTimeout(timer);
      try {
        const [metrics, health] = await Promise.all([ask("/metrics"), ask("/readyz?verbose")]);
        const parts = parseHealth(health);
        const reading = readingOf(metrics, Date.now(), rolesOf(parts));
        if (reading && !stopped) setState(({ readings }) => ({ readings: withReading(readings, reading), parts }));
      } catch {
        // No answer is an answer, too: the verdict sees that the last reading grows old.
      }
      if (!stopped && document.visibilityState === "visible") timer = setTimeout(look, EVERY_MS);
    };
    const onVisibility = () => {
      if (document.visibilityState === "visible") void look();
    };
    void look();
    document.addEventListener("visibilitychange", onVisibility);
    return () => {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", onVisibility);
    };
  }, []);

  return state;
}

// The operators' view: from updates to writes, live. One look tells whether the database is falling behind.
import { useEffect } from "react";
import { useSay } from "../live/announcer.tsx";
import type { Status } from "../live/status.ts";
import { useNow } from "../live/use-now.ts";
import { Chart } from "./chart.tsx";
import { bytes, number, perSecond, ratio, seconds } from "./format.ts";
import type { Part } from "./health.ts";
import { type Point, type Reading, rates, ratios } from "./readings.ts";
import { useFunnel } from "./use-funnel.ts";
import { MEANINGS, TITLES, verdictOf } from "./verdict.ts";
import "../styles/funnel.css";

const gauge = (readings: readonly Reading[], of: (reading: Reading) => number): Point[] =>
  readings.map((reading) => ({ at: reading.at, value: of(reading) }));

export default function Funnel({ onStatus }: { onStatus: (status: Status) => void }) {
  const { readings, parts } = useFunnel();
  const now = useNow();
  const last = readings.at(-1);
  const verdict = verdictOf(readings, parts, now);
  const say = useSay();

  const freshAt = last?.at ?? null;
  const kind = freshAt === null ? "connecting" : verdict === "silent" ? "stale" : "live";
  useEffect(() => onStatus({ kind, freshAt }), [kind, freshAt, onStatus]);
  useEffect(() => {
    document.title = `${TITLES[verdict]} · hiscore`;
    say("funnel", `${TITLES[verdict]}. ${MEANINGS[verdict]}`);
  }, [verdict, say]);

  // The charts end at the last reading or at this second, whichever is later: "now" is never in the past.
  const end = Math.max(now, freshAt ?? 0);
  const chart = { now: end };
  return (
    <section className="funnel" aria-labelledby="verdict" data-verdict={verdict}>
      <h1 id="verdict">{TITLES[verdict]}</h1>
      <p className="meaning">{MEANINGS[verdict]}</p>
      <div className="charts">
        <Chart
          title="Updates in"
          note="scores judged"
          points={rates(readings, "submitted")}
          format={perSecond}
          {...chart}
        />
        <Chart
          title="Commits"
          note="synced batches"
          points={rates(readings, "commits")}
          format={perSecond}
          {...chart}
        />
        <Chart
          title="Coalesced"
          note="updates per write, in a minute"
          points={ratios(readings)}
          format={ratio}
          {...chart}
        />
        <Chart
          title="Written"
          note="records to the database"
          points={rates(readings, "written")}
          format={perSecond}
          {...chart}
        />
        <Chart
          title="Dirty"
          note="records the database lacks"
          points={gauge(readings, (reading) => reading.dirty)}
          format={number}
          {...chart}
        />
        <Chart
          title="Lag"
          note="the oldest of them waits"
          points={gauge(readings, (reading) => reading.oldestSeconds)}
          format={seconds}
          {...chart}
        />
        <Chart
          title="Journal"
          note="on disk"
          points={gauge(readings, (reading) => reading.journalBytes)}
          format={bytes}
          {...chart}
        />
        <Chart
          title="Pending"
          note="waiting to be committed"
          points={gauge(readings, (reading) => reading.pendingBytes)}
          format={bytes}
          {...chart}
        />
      </div>
      <Parts parts={parts} />
    </section>
  );
}

function Parts({ parts }: { parts: readonly Part[] }) {
  if (parts.length === 0) return null;
  return (
    <>
      <h2>Parts</h2>
      <ul className="parts">
        {parts.map(({ name, ok, detail }) => (
          <li key={name} className={ok ? "well" : "unwell"}>
            <span className="part-name">{name}</span>
            <span className="part-state">{ok ? "well" : "not well"}</span>
            <span className="part-detail">{detail}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

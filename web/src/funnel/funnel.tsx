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
import { meaningOf, TITLES, verdictOf } from "./verdict.ts";
import "../styles/funnel.css";

type Gauge = "behind" | "dirty" | "oldestSeconds" | "journalBytes" | "pendingBytes" | "redisBytes" | "subscriptions";

const gauge = (readings: readonly Reading[], of: Gauge): Point[] =>
  readings.flatMap(({ at, [of]: value }) => (value === null ? [] : [{ at, value }]));

interface Measure {
  title: string;
  note: string;
  points: (readings: readonly Reading[]) => Point[];
  format: (value: number) => string;
  /** What a server must tell for it to have this measure. */
  needs: readonly (keyof Reading)[];
}

/** In the order of a score's path. */
const MEASURES: readonly Measure[] = [
  {
    title: "Updates in",
    note: "scores judged",
    points: (readings) => rates(readings, "submitted"),
    format: perSecond,
    needs: ["submitted"],
  },
  {
    title: "Pending",
    note: "waiting to be judged",
    points: (readings) => gauge(readings, "pendingBytes"),
    format: bytes,
    needs: ["pendingBytes"],
  },
  {
    title: "Appended",
    note: "to the log, by a quorum of it",
    points: (readings) => rates(readings, "appended"),
    format: perSecond,
    needs: ["appended"],
  },
  {
    title: "Behind",
    note: "entries of the log to apply",
    points: (readings) => gauge(readings, "behind"),
    format: number,
    needs: ["behind"],
  },
  {
    title: "Commits",
    note: "synced batches",
    points: (readings) => rates(readings, "commits"),
    format: perSecond,
    needs: ["commits"],
  },
  {
    title: "Journal",
    note: "on disk",
    points: (readings) => gauge(readings, "journalBytes"),
    format: bytes,
    needs: ["journalBytes"],
  },
  {
    title: "Redis",
    note: "memory that it uses",
    points: (readings) => gauge(readings, "redisBytes"),
    format: bytes,
    needs: ["redisBytes"],
  },
  {
    title: "Coalesced",
    note: "updates per write, in a minute",
    points: ratios,
    format: ratio,
    needs: ["submitted", "written"],
  },
  {
    title: "Written",
    note: "records to the database",
    points: (readings) => rates(readings, "written"),
    format: perSecond,
    needs: ["written"],
  },
  {
    title: "Dirty",
    note: "records the database lacks",
    points: (readings) => gauge(readings, "dirty"),
    format: number,
    needs: ["dirty"],
  },
  {
    title: "Lag",
    note: "the oldest of them waits",
    points: (readings) => gauge(readings, "oldestSeconds"),
    format: seconds,
    needs: ["oldestSeconds"],
  },
  {
    title: "Watching",
    note: "subscriptions open",
    points: (readings) => gauge(readings, "subscriptions"),
    format: number,
    needs: ["subscriptions"],
  },
  {
    title: "Told",
    note: "changes to subscribers",
    points: (readings) => rates(readings, "events"),
    format: perSecond,
    needs: ["events"],
  },
];

export default function Funnel({ onStatus }: { onStatus: (status: Status) => void }) {
  const { readings, parts } = useFunnel();
  const now = useNow();
  const last = readings.at(-1);
  const verdict = verdictOf(readings, parts, now);
  const meaning = meaningOf(verdict, last);
  const say = useSay();

  const freshAt = last?.at ?? null;
  const kind = freshAt === null ? "connecting" : verdict === "silent" ? "stale" : "live";
  useEffect(() => onStatus({ kind, freshAt }), [kind, freshAt, onStatus]);
  useEffect(() => {
    document.title = `${TITLES[verdict]} · hiscore`;
    say("funnel", `${TITLES[verdict]}. ${meaning}`);
  }, [verdict, meaning, say]);

  // The charts end at the last reading or at this second, whichever is later: "now" is never in the past.
  const end = Math.max(now, freshAt ?? 0);
  const had = MEASURES.filter(({ needs }) => last && needs.every((needed) => last[needed] !== null));
  return (
    <section className="funnel" aria-labelledby="verdict" data-verdict={verdict}>
      <h1 id="verdict">{TITLES[verdict]}</h1>
      <p className="meaning">{meaning}</p>
      <div className="charts">
        {had.map(({ title, note, points, format }) => (
          <Chart key={title} title={title} note={note} points={points(readings)} format={format} now={end} />
        ))}
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

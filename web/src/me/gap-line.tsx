// The distance to the next place, as a sentence.
import type { ReactNode } from "react";
import { Name } from "../board/name.tsx";
import { formatInteger } from "../format/number.ts";
import type { Gap } from "./gap.ts";

export function GapLine({ gap }: { gap: Gap | null }) {
  return <p className="gap">{gap && sentence(gap)}</p>;
}

function sentence(gap: Gap): ReactNode {
  if (gap.kind === "alone") return "Nobody else has scored yet";
  const name = <Name id={gap.next.playerId} />;
  switch (gap.kind) {
    case "behind":
      return (
        <>
          <b>{formatInteger(gap.by)}</b> behind {name}
        </>
      );
    case "subscore":
      return (
        <>
          Level with {name}, <b>{formatInteger(gap.by)}</b> behind on subscore
        </>
      );
    case "level":
      return <>Level with {name}, who was there first</>;
    case "leads":
      return gap.by === 0 ? (
        <>In the lead, level with {name}</>
      ) : (
        <>
          In the lead, <b>{formatInteger(gap.by)}</b> ahead of {name}
        </>
      );
  }
}

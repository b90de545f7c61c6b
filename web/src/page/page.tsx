// The page: who we are and which board, the board itself, and where else to look.
import { lazy, type MouseEvent, Suspense, useEffect, useState } from "react";
import { Board } from "../board/board.tsx";
import { Skeleton } from "../board/skeleton.tsx";
import { Announcer } from "../live/announcer.tsx";
import { type Link, useLink } from "../live/link.ts";
import { type Status, UNKNOWN } from "../live/status.ts";
import { useStatus } from "../live/use-status.ts";
import { formatAddress } from "./address.ts";
import { BoardPicker } from "./board-picker.tsx";
import { HowToStart } from "./how-to-start.tsx";
import { StatusChip } from "./status-chip.tsx";
import { useAddress, useBoardId } from "./use-address.ts";
import { useBoards } from "./use-boards.ts";

const Funnel = lazy(() => import("../funnel/funnel.tsx"));

export function Page({ link }: { link: Link }) {
  const boards = useBoards(link);
  const [address, go] = useAddress();
  const id = useBoardId(address.board, boards.ids);
  const [status, setStatus] = useState<Status>(UNKNOWN);
  const funnel = address.view === "funnel";
  const other = { ...address, view: funnel ? ("board" as const) : ("funnel" as const) };

  const onOther = (event: MouseEvent) => {
    // In a new tab or window if asked for, as with any link.
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go({ view: other.view });
  };

  return (
    <Announcer>
      <header className="masthead">
        <a className="wordmark" href="/">
          <span>hi</span>score
        </a>
        {id !== null && !funnel && (
          <BoardPicker
            boards={boards.ids ?? []}
            more={boards.more}
            chosen={id}
            onChoose={(board) => go({ board, version: null })}
          />
        )}
        <a className="view" href={formatAddress(other)} onClick={onOther}>
          {funnel ? "Board" : "Funnel"}
        </a>
        <StatusChip status={status} />
      </header>
      <main>
        {funnel ? (
          <Suspense fallback={<Skeleton />}>
            <Funnel onStatus={setStatus} />
          </Suspense>
        ) : id !== null ? (
          <Board
            key={id}
            id={id}
            version={address.version}
            player={address.player}
            go={go}
            link={link}
            onStatus={setStatus}
          />
        ) : (
          <NoBoard link={link} known={boards.ids !== null} answered={boards.answered} onStatus={setStatus} />
        )}
      </main>
      <footer>
        <nav aria-label="More">
          <a href="/graphiql">GraphiQL</a>
          <a href="/metrics">Metrics</a>
        </nav>
      </footer>
    </Announcer>
  );
}

interface NoBoardProps {
  link: Link;
  known: boolean;
  answered: boolean;
  onStatus: (status: Status) => void;
}

function NoBoard({ link, known, answered, onStatus }: NoBoardProps) {
  const { open } = useLink(link);
  const { status } = useStatus(link, { current: open && answered, paused: false, rankState: "EXACT" });
  useEffect(() => onStatus(status), [status, onStatus]);
  return known ? <HowToStart /> : <Skeleton />;
}

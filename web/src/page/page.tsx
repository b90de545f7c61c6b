// The page: who we are and which board, the board itself, and where else to look.
import { useEffect, useState } from "react";
import { Board } from "../board/board.tsx";
import { Skeleton } from "../board/skeleton.tsx";
import { type Link, useLink } from "../live/link.ts";
import { type Status, UNKNOWN } from "../live/status.ts";
import { useStatus } from "../live/use-status.ts";
import { BoardPicker } from "./board-picker.tsx";
import { HowToStart } from "./how-to-start.tsx";
import { StatusChip } from "./status-chip.tsx";
import { useAddress, useBoardId } from "./use-address.ts";
import { useBoards } from "./use-boards.ts";

export function Page({ link }: { link: Link }) {
  const boards = useBoards(link);
  const [address, go] = useAddress();
  const id = useBoardId(address.board, boards.ids);
  const [status, setStatus] = useState<Status>(UNKNOWN);

  return (
    <>
      <header className="masthead">
        <a className="wordmark" href="/">
          <span>hi</span>score
        </a>
        {id !== null && (
          <BoardPicker
            boards={boards.ids ?? []}
            more={boards.more}
            chosen={id}
            onChoose={(board) => go({ board, version: null })}
          />
        )}
        <StatusChip status={status} />
      </header>
      <main>
        {id !== null ? (
          <Board key={id} id={id} player={address.player} go={go} link={link} onStatus={setStatus} />
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
    </>
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
  const { status } = useStatus(link, open && answered);
  useEffect(() => onStatus(status), [status, onStatus]);
  return known ? <HowToStart /> : <Skeleton />;
}

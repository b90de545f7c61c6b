// The list of boards, kept up to date by asking now and then: boards come and go rarely.
import { useEffect, useState } from "react";
import { useClient } from "urql";
import { BoardsQuery } from "../api/documents.ts";
import { pause } from "../live/backoff.ts";
import { type Link, useLink } from "../live/link.ts";

/** As many as the server gives in one answer. */
const FIRST = 100;
const ASK_AGAIN_MS = 15_000;
/** While there is none, somebody is probably about to create one and looks at the page. */
const ASK_AGAIN_WHEN_EMPTY_MS = 1_500;

export interface Boards {
  /** Null until the server has answered once; afterwards the last good answer. */
  readonly ids: readonly string[] | null;
  readonly more: boolean;
  /** The last answer was a good one. */
  readonly answered: boolean;
}

export function useBoards(link: Link): Boards {
  const client = useClient();
  const { connection } = useLink(link);
  const [boards, setBoards] = useState<Boards>({ ids: null, more: false, answered: false });

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new connection is a reason to ask at once
  useEffect(() => {
    const stopped = new AbortController();
    const ask = async () => {
      while (!stopped.signal.aborted) {
        const { data } = await client.query(BoardsQuery, { first: FIRST }).toPromise();
        if (stopped.signal.aborted) return;
        const ids = data?.leaderboards.nodes.map((node) => node.id);
        setBoards((last) =>
          ids
            ? { ids, more: data?.leaderboards.pageInfo.hasNextPage ?? false, answered: true }
            : { ...last, answered: false },
        );
        await pause(ids && ids.length > 0 ? ASK_AGAIN_MS : ASK_AGAIN_WHEN_EMPTY_MS, stopped.signal);
      }
    };
    void ask();
    return () => stopped.abort();
  }, [client, connection]);

  return boards;
}

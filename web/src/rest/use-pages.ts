// The rows of a long list that are in sight, page by page: asked for when the scrolling rests, cancelled when they are
// out of sight before they came, and asked for again while the board moves.
import { useEffect, useRef, useState } from "react";
import { useClient } from "urql";
import { pipe, type Subscription, subscribe } from "wonka";
import { RowsQuery } from "../api/documents.ts";
import { PAGE_ROWS, type Pages, pagesOf, toAskFor, withPage } from "./wanted.ts";

/** Whoever flies by needs no rows. */
const REST_MS = 80;
const NONE: Pages = new Map();

interface Rows {
  readonly id: string;
  /** The season; null for the present one. */
  readonly version: number | null;
  /** The rank of the list's first row. */
  readonly fromRank: number;
  /** Changes when the rows may have. */
  readonly revision: string;
}

/** Mount it under a `key` of board and season. `now` makes it look again for what is old, or failed. */
export function usePages({ id, version, fromRank, revision }: Rows, first: number, end: number, now: number): Pages {
  const client = useClient();
  const [pages, setPages] = useState(NONE);
  const asking = useRef(new Map<number, Subscription>());

  useEffect(() => {
    const inSight = pagesOf(first, end);
    for (const [number, running] of asking.current) {
      if (inSight.includes(number)) continue;
      running.unsubscribe();
      asking.current.delete(number);
    }
    const ask = (number: number) => {
      const from = fromRank + number * PAGE_ROWS;
      let answered = false;
      const running = pipe(
        client.query(RowsQuery, { id, from, first: PAGE_ROWS, version }),
        subscribe(({ data }) => {
          answered = true;
          asking.current.delete(number);
          const rows = data?.leaderboard?.records.nodes;
          if (rows) setPages((known) => withPage(known, number, { rows, revision, at: Date.now() }));
        }),
      );
      if (!answered) asking.current.set(number, running);
    };
    const missing = toAskFor(pages, inSight, revision, now).filter((number) => !asking.current.has(number));
    if (missing.length === 0) return;
    // Next to what is there already, it is somebody who reads on, and is not to wait.
    const readsOn = inSight.some((number) => pages.has(number));
    const timer = setTimeout(() => missing.forEach(ask), readsOn ? 0 : REST_MS);
    return () => clearTimeout(timer);
  }, [client, id, version, fromRank, revision, first, end, now, pages]);

  useEffect(
    () => () => {
      for (const running of asking.current.values()) running.unsubscribe();
      asking.current.clear();
    },
    [],
  );

  return pages;
}

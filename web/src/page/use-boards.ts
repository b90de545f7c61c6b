// The list of boards, kept up to date by asking now and then: boards come and go rarely.
import { useEffect, useState } from "react";
import { useQuery } from "urql";
import { BoardsQuery } from "../api/documents.ts";
import type { ResultOf } from "../api/tada.ts";
import { type Link, useLink } from "../live/link.ts";

/** As many as the server gives in one answer. */
const VARIABLES = { first: 100 };
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
  const { connection } = useLink(link);
  const [{ data, error, fetching }, ask] = useQuery({ query: BoardsQuery, variables: VARIABLES });

  // An answer that failed has no data: what was known is kept through it.
  const [known, setKnown] = useState<ResultOf<typeof BoardsQuery> | null>(null);
  if (data && data !== known) setKnown(data);
  const nodes = known?.leaderboards.nodes;

  // A new connection is a reason to ask at once: much may have happened meanwhile.
  useEffect(() => {
    if (connection > 1) ask({ requestPolicy: "network-only" });
  }, [connection, ask]);

  const wait = nodes && nodes.length > 0 ? ASK_AGAIN_MS : ASK_AGAIN_WHEN_EMPTY_MS;
  // biome-ignore lint/correctness/useExhaustiveDependencies: every answer, good or not, starts the wait for the next
  useEffect(() => {
    if (fetching) return;
    const timer = setTimeout(() => ask({ requestPolicy: "network-only" }), wait);
    return () => clearTimeout(timer);
  }, [fetching, data, error, wait, ask]);

  return {
    ids: nodes?.map((node) => node.id) ?? null,
    more: known?.leaderboards.pageInfo.hasNextPage ?? false,
    answered: known !== null && !error,
  };
}

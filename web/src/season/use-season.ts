// An ended season: its top, asked for once since it never changes, and how many players it had.
import { useEffect, useState } from "react";
import { useClient, useQuery } from "urql";
import { type BoardRecord, RowsQuery } from "../api/documents.ts";
import { type Link, useLink } from "../live/link.ts";
import { lastRank } from "./size.ts";

export interface Season {
  readonly records: readonly BoardRecord[];
  /** As far as it is known by now. */
  readonly total: number;
}

/** Mount it under a `key` of board and season. */
export function useSeason(
  link: Link,
  id: string,
  version: number,
  first: number,
): { season: Season | null; problem: string | null } {
  const client = useClient();
  const { connection } = useLink(link);
  const [{ data, error, fetching }, ask] = useQuery({ query: RowsQuery, variables: { id, version, from: 1, first } });
  const page = data?.leaderboard?.records ?? null;

  // Without an answer, a new connection is a reason to ask again.
  // biome-ignore lint/correctness/useExhaustiveDependencies: `connection` says when, not what
  useEffect(() => {
    if (error && !fetching) ask({ requestPolicy: "network-only" });
  }, [connection]);

  const [total, setTotal] = useState<number | null>(null);
  const more = page?.pageInfo.hasNextPage ?? false;
  useEffect(() => {
    if (!more) return;
    const stopped = new AbortController();
    const isThere = async (from: number) => {
      const answer = await client.query(RowsQuery, { id, version, from, first: 1 }).toPromise();
      return (answer.data?.leaderboard?.records.nodes.length ?? 0) > 0;
    };
    void lastRank(isThere, first, stopped.signal).then((last) => {
      if (last !== null && !stopped.signal.aborted) setTotal(last);
    });
    return () => stopped.abort();
  }, [client, id, version, first, more]);

  return {
    season: page && { records: page.nodes, total: total ?? page.nodes.length },
    problem: error?.graphQLErrors[0]?.message ?? error?.message ?? null,
  };
}

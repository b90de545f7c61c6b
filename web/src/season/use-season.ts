// An ended season: its top and how many players it had, asked for once since it never changes.
import { useEffect } from "react";
import { useQuery } from "urql";
import { type BoardRecord, SeasonQuery } from "../api/documents.ts";
import { type Link, useLink } from "../live/link.ts";

export interface Season {
  readonly records: readonly BoardRecord[];
  readonly total: number;
}

/** Mount it under a `key` of board and season. */
export function useSeason(
  link: Link,
  id: string,
  version: number,
  first: number,
): { season: Season | null; problem: string | null } {
  const { connection } = useLink(link);
  const [{ data, error, fetching }, ask] = useQuery({ query: SeasonQuery, variables: { id, version, first } });
  const page = data?.leaderboard?.records ?? null;

  // Without an answer, a new connection is a reason to ask again.
  // biome-ignore lint/correctness/useExhaustiveDependencies: `connection` says when, not what
  useEffect(() => {
    if (error && !fetching) ask({ requestPolicy: "network-only" });
  }, [connection]);

  return {
    season: page && { records: page.nodes, total: page.totalCount },
    problem: error?.graphQLErrors[0]?.message ?? error?.message ?? null,
  };
}

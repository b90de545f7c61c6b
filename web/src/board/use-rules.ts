// A board's rules, which never change once it exists; asked for again with every connection while it does not.
import { useEffect, useRef } from "react";
import { useQuery } from "urql";
import { BoardQuery, type BoardRules } from "../api/documents.ts";
import { type Link, useLink } from "../live/link.ts";

export interface Rules {
  readonly rules: BoardRules | null;
  /** The server says that there is no such board. */
  readonly missing: boolean;
  /** Why the server does not even look for it; null if it does. */
  readonly refusal: string | null;
}

/** `exists`: it has been seen since, so that another question gets another answer. */
export function useRules(link: Link, id: string, exists: boolean): Rules {
  const { connection } = useLink(link);
  const [{ data, error, fetching }, ask] = useQuery({ query: BoardQuery, variables: { id } });
  const rules = data?.leaderboard ?? null;
  // The first connection opens while the first question is under way.
  const reason = `${exists} ${Math.max(1, connection)}`;
  const asked = useRef(reason);
  useEffect(() => {
    if (rules !== null || fetching || asked.current === reason) return;
    asked.current = reason;
    ask({ requestPolicy: "network-only" });
  }, [rules, fetching, reason, ask]);
  const invalid = error?.graphQLErrors.find(({ extensions }) => extensions.code === "INVALID");
  return {
    rules,
    missing: !exists && !error && data !== undefined && rules === null,
    refusal: invalid?.message ?? null,
  };
}

// Which board is shown: the one in the address (`?board=ID`), or else the first one that there is.
import { useCallback, useEffect, useState } from "react";

const inAddress = (): string | null => new URLSearchParams(window.location.search).get("board") || null;

export function useBoardId(boards: readonly string[] | null): [id: string | null, choose: (id: string) => void] {
  const [id, setId] = useState(inAddress);

  useEffect(() => {
    const onBack = () => setId(inAddress());
    window.addEventListener("popstate", onBack);
    return () => window.removeEventListener("popstate", onBack);
  }, []);

  // Settled once: a board created later, that would come first, must not push away the one that is watched.
  const first = boards?.[0];
  if (id === null && first !== undefined) setId(first);

  const choose = useCallback((chosen: string) => {
    const url = new URL(window.location.href);
    url.searchParams.set("board", chosen);
    window.history.pushState(null, "", url);
    setId(chosen);
  }, []);

  return [id, choose];
}

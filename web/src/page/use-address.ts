// The address of the page as state: what it says, and how to go elsewhere without loading anything.
import { useCallback, useEffect, useState } from "react";
import { type Address, formatAddress, parseAddress } from "./address.ts";

const here = (): Address => parseAddress(window.location.search);

/** Changes what is given and leaves the rest; each step is one that "back" undoes. */
export type Go = (change: Partial<Address>) => void;

export function useAddress(): [Address, Go] {
  const [address, setAddress] = useState(here);

  useEffect(() => {
    const onBack = () => setAddress(here());
    window.addEventListener("popstate", onBack);
    return () => window.removeEventListener("popstate", onBack);
  }, []);

  const go = useCallback((change: Partial<Address>) => {
    const next = { ...here(), ...change };
    window.history.pushState(null, "", formatAddress(next));
    setAddress(next);
  }, []);

  return [address, go];
}

/** The board to show: the one in the address, or else the first one that there is. */
export function useBoardId(inAddress: string | null, boards: readonly string[] | null): string | null {
  // Settled once: a board created later, that would come first, must not push away the one that is watched.
  const [settled, settle] = useState<string | null>(null);
  const first = boards?.[0];
  if (settled === null && first !== undefined) settle(first);
  return inAddress ?? settled;
}

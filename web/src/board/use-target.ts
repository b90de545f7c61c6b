// Where on the board the viewer wants to go, as a wish that each request makes anew.
import { useCallback, useState } from "react";
import type { Target } from "../rest/rest.tsx";

export function useTarget(): [Target | null, (rank: number) => void] {
  const [target, setTarget] = useState<Target | null>(null);
  const goTo = useCallback((rank: number) => setTarget({ rank }), []);
  return [target, goTo];
}

// Lets rows glide to their new places. React moves the keyed rows at once; this measures where each was and is,
// and plays the difference (WAAPI, so no inline style and nothing for a content security policy to object to).
import { type RefObject, useEffect, useLayoutEffect, useRef } from "react";

const GLIDE: KeyframeAnimationOptions = { duration: 480, easing: "cubic-bezier(0.2, 0.7, 0.2, 1)" };
const ENTER: KeyframeAnimationOptions = { duration: 480, easing: "ease-out" };

const motionIsUnwelcome = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Where a glide that is still running has its row at this moment, relative to where the row belongs. */
const glidingOffset = (row: HTMLElement) => new DOMMatrixReadOnly(getComputedStyle(row).transform).m42;

/** `shown` is what the rows show: they are measured whenever it changes. */
export function useReorder(body: RefObject<HTMLElement | null>, shown: unknown): void {
  // By element, not by player: React keeps a keyed row's element for as long as the row lives.
  const places = useRef(new WeakMap<Element, number>());
  const first = useRef(true);

  // biome-ignore lint/correctness/useExhaustiveDependencies: `shown` says when, not what
  useLayoutEffect(() => {
    const rows = rowsOf(body.current);
    const still = first.current || motionIsUnwelcome();
    for (const [row, after] of placesOf(rows)) {
      const before = places.current.get(row);
      places.current.set(row, after);
      if (still) continue;
      if (before === undefined) row.animate({ opacity: [0, 1] }, ENTER);
      else if (before !== after) glide(row, before - after);
    }
    if (rows.length > 0) first.current = false;
  }, [body, shown]);

  // A changed width changes heights: the old places are then no places to come from.
  useEffect(() => {
    const measure = () => {
      for (const [row, place] of placesOf(rowsOf(body.current))) places.current.set(row, place);
    };
    window.addEventListener("resize", measure);
    return () => window.removeEventListener("resize", measure);
  }, [body]);
}

function glide(row: HTMLElement, distance: number): void {
  const from = distance + glidingOffset(row);
  for (const animation of row.getAnimations()) animation.cancel();
  // Who climbs passes in front.
  const zIndex = distance > 0 ? 2 : 1;
  row.animate({ transform: [`translateY(${from}px)`, "translateY(0)"], zIndex: [zIndex, zIndex] }, GLIDE);
}

/** Below the first row, wherever that is: when the whole table makes room for something above it, nobody overtakes. */
function placesOf(rows: readonly HTMLElement[]): [HTMLElement, number][] {
  const top = rows[0]?.offsetTop ?? 0;
  return rows.map((row) => [row, row.offsetTop - top]);
}

function rowsOf(body: HTMLElement | null): HTMLElement[] {
  return body ? (Array.from(body.children) as HTMLElement[]) : [];
}

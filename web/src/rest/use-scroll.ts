// Where the window is within a long list that is part of the page, and how to go elsewhere in it.
import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { barAt, type List, moveTo, type Place, placeOf, TOP } from "./scroll.ts";

/** After so long without a move the scroll bar is put where it belongs. */
const REST_MS = 180;

/** So high is a row, in the viewer's own size of type; `--rest-row` in rest.css says the same. */
const ROW_REM = 3.25;

export function useScroll(
  box: RefObject<HTMLElement | null>,
  rows: number,
): { list: List; place: Place; goTo: (row: number) => void } {
  const [list, setList] = useState<List>(() => ({ rows, ...measure() }));
  if (list.rows !== rows) setList({ ...list, rows });
  const [place, setPlace] = useState(TOP);

  // What the listeners need of the last render.
  const latest = useRef({ list, place });
  useLayoutEffect(() => {
    latest.current = { list, place };
  }, [list, place]);

  const scrollTo = useCallback(
    (next: Place) => {
      const top = box.current?.getBoundingClientRect().top ?? 0;
      setPlace(next);
      latest.current = { ...latest.current, place: next };
      window.scrollTo({ top: window.scrollY + top + next.top, behavior: "instant" });
    },
    [box],
  );

  useEffect(() => {
    let resting: ReturnType<typeof setTimeout> | undefined;
    const settle = () => {
      const { list, place } = latest.current;
      const seen = place.top + place.ahead;
      const belongs = barAt(list, seen);
      if (Math.abs(belongs - place.top) >= 1) scrollTo({ top: belongs, ahead: seen - belongs });
    };
    const onScroll = () => {
      if (!box.current) return;
      const top = -box.current.getBoundingClientRect().top;
      const { list, place } = latest.current;
      // A place of our own making is exact; the browser's report of it is rounded.
      if (Math.abs(top - place.top) > 1) setPlace(moveTo(list, place, top));
      clearTimeout(resting);
      resting = setTimeout(settle, REST_MS);
    };
    const onResize = () => {
      setList((known) => ({ ...known, ...measure() }));
      onScroll();
    };
    onScroll();
    window.addEventListener("scroll", onScroll, { passive: true });
    window.addEventListener("resize", onResize);
    return () => {
      clearTimeout(resting);
      window.removeEventListener("scroll", onScroll);
      window.removeEventListener("resize", onResize);
    };
  }, [box, scrollTo]);

  const goTo = useCallback((row: number) => scrollTo(placeOf(latest.current.list, row)), [scrollTo]);
  return { list, place, goTo };
}

function measure(): { rowHeight: number; view: number } {
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
  return { rowHeight: ROW_REM * rem, view: window.innerHeight };
}

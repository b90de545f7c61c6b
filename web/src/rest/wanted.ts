// Which pages of a long list to have, to ask for, and to forget. Pure.
import type { BoardRecord } from "../api/documents.ts";

export const PAGE_ROWS = 100;
/** So many pages are kept: some screens back and forth, whatever the length of the list. */
const KEPT = 24;
/** On a board that moves, a page in sight is asked for again after so long. */
const REFRESH_MS = 3_000;

export interface Page {
  readonly rows: readonly BoardRecord[];
  readonly revision: string;
  readonly at: number;
}

export type Pages = ReadonlyMap<number, Page>;

/** The pages of the rows from `first` to before `end`. */
export function pagesOf(first: number, end: number): number[] {
  const pages = [];
  if (end > first) for (let page = pageOf(first); page <= pageOf(end - 1); page++) pages.push(page);
  return pages;
}

/** Those in sight that are missing, or are of an earlier revision and have been for a while. */
export const toAskFor = (pages: Pages, inSight: readonly number[], revision: string, now: number): number[] =>
  inSight.filter((number) => {
    const page = pages.get(number);
    return !page || (page.revision !== revision && now - page.at >= REFRESH_MS);
  });

/** With a page more; those farthest from it are forgotten if there are too many. */
export function withPage(pages: Pages, number: number, page: Page): Pages {
  const next = new Map(pages).set(number, page);
  if (next.size <= KEPT) return next;
  const nearest = [...next].sort(([a], [b]) => Math.abs(a - number) - Math.abs(b - number));
  return new Map(nearest.slice(0, KEPT));
}

export const rowAt = (pages: Pages, index: number): BoardRecord | undefined =>
  pages.get(pageOf(index))?.rows[index % PAGE_ROWS];

const pageOf = (index: number): number => Math.floor(index / PAGE_ROWS);

// The arithmetic of scrolling through more rows than a browser can be tall. Pure.
//
// Browsers cap heights (the strictest of them at about 17 million pixels), so a long list gets a shorter stand-in: its
// *physical* height. Small moves go pixel by pixel, as in any list; long ones, by thumb or End, in proportion. At rest
// the scroll bar is put where it belongs, which moves nothing that is seen.

/** The tallest stand-in. Shorter lists are as tall as they are, and nothing here does anything to them. */
export const TALLEST = 8_000_000;
/** At either end so many pixels are one to one, so that nobody meets the arithmetic around the first places. */
const EDGE = 200_000;
/** Up to so many windows at once is a small move: a page down is, a drag of the thumb is not. */
const SMALL_MOVE = 2;

export interface List {
  readonly rows: number;
  readonly rowHeight: number;
  /** The height of the window. */
  readonly view: number;
}

/** Where the window is: the physical position of its top within the list, and how far the rows are ahead of it. */
export interface Place {
  readonly top: number;
  readonly ahead: number;
}

export const TOP: Place = { top: 0, ahead: 0 };

const fullHeight = ({ rows, rowHeight }: List): number => rows * rowHeight;
export const physicalHeight = (list: List): number => Math.min(fullHeight(list), TALLEST);

/** Where the rows are when the scroll bar is at `top`, both in pixels from the beginning of the list. */
export function rowsAt(list: List, top: number): number {
  const surplus = fullHeight(list) - physicalHeight(list);
  if (surplus === 0) return top;
  const { edge, length } = middle(list);
  return top + surplus * clamp((top - edge) / length, 0, 1);
}

/** The other way round: where the scroll bar belongs when the rows are at `rows`. */
export function barAt(list: List, rows: number): number {
  const surplus = fullHeight(list) - physicalHeight(list);
  if (surplus === 0) return rows;
  const { edge, length } = middle(list);
  if (rows <= edge) return rows;
  if (rows >= edge + length + surplus) return rows - surplus;
  return edge + ((rows - edge) * length) / (length + surplus);
}

/** The window's place after the browser has scrolled to `top`. */
export function moveTo(list: List, from: Place, top: number): Place {
  const exact = rowsAt(list, top) - top;
  // Beyond the ends there are other things than rows, which must meet them.
  const outside = top <= 0 || top >= physicalHeight(list) - list.view;
  const small = Math.abs(top - from.top) <= SMALL_MOVE * list.view;
  return { top, ahead: small && !outside ? from.ahead : exact };
}

/** The rows in the window and a few around it: from `first`, before `end`. */
export function rowsIn(list: List, { top, ahead }: Place, around: number): { first: number; end: number } {
  const seen = top + ahead;
  const first = clamp(Math.floor(seen / list.rowHeight) - around, 0, list.rows);
  const end = clamp(Math.ceil((seen + list.view) / list.rowHeight) + around, first, list.rows);
  // Far from the window there is nothing to draw.
  return seen + list.view < 0 ? { first: 0, end: 0 } : { first, end };
}

/** The place at which a row is in the middle of the window. */
export function placeOf(list: List, row: number): Place {
  const seen = row * list.rowHeight - (list.view - list.rowHeight) / 2;
  const top = barAt(list, seen);
  return { top, ahead: seen - top };
}

/** What lies between the two edges. */
function middle(list: List): { edge: number; length: number } {
  const room = physicalHeight(list) - list.view;
  const edge = Math.min(EDGE, room / 4);
  return { edge, length: room - 2 * edge };
}

const clamp = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value));

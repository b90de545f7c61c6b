// Times for people: "now", "12 s ago", "3 h ago"; and in full for those who want to know.

/** The largest unit that fits, first. */
const UNITS: readonly [seconds: number, unit: Intl.RelativeTimeFormatUnit][] = [
  [7 * 86_400, "week"],
  [86_400, "day"],
  [3_600, "hour"],
  [60, "minute"],
];

// The words of the page are English, so these are, too; numbers and full dates follow the viewer.
const relative = new Intl.RelativeTimeFormat("en", { style: "narrow", numeric: "always" });

/** How long before `now` the RFC 3339 time `then` was. A time ahead of `now` is a clock that is off: "now". */
export function timeAgo(then: string, now: number): string {
  const elapsed = Math.floor((now - Date.parse(then)) / 1000);
  if (Number.isNaN(elapsed)) return "–";
  if (elapsed < 5) return "now";
  const [seconds, unit] = UNITS.find(([length]) => elapsed >= length) ?? [1, "second"];
  return relative.format(-Math.floor(elapsed / seconds), unit);
}

/** A length of time, for "no contact for …". */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 2 * 86_400) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} days`;
}

const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export function fullTime(then: string): string {
  const time = Date.parse(then);
  return Number.isNaN(time) ? then : full.format(time);
}

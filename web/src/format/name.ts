// Makes a player's or a board's id legible, whoever chose it. React already keeps it from being HTML and <bdi>
// keeps its direction to itself; what is left are characters that cannot be seen or that break out of a <bdi>.

/**
 * Controls, line and paragraph separators, and bidirectional overrides: a stray U+2069 would end the isolation
 * that <bdi> gives. Joiners and variation selectors stay, since emoji and several scripts are written with them.
 */
const UNSAFE = /[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/gu;

/** Something that leaves ink. Of a name without any, only the code points can tell who it is. */
const INK = /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Mn}\p{Me}\u2800]/u;

const codePoint = (char: string): string =>
  `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;

/** At most this many code points are spelled out for a name that has no ink. */
const SPELLED = 8;

export function legible(id: string): string {
  const shown = id.replace(UNSAFE, (char) => `⟨${codePoint(char)}⟩`);
  if (INK.test(shown)) return shown;
  const points = Array.from(shown, codePoint);
  const more = points.length > SPELLED ? " …" : "";
  return `⟨${points.slice(0, SPELLED).join(" ")}${more}⟩`;
}

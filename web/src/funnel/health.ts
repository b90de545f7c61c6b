// What a server says about each of its parts: the lines of /readyz?verbose. Pure.

export interface Part {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** `[+] name: detail` is well, `[-] name: detail` is not; other lines say nothing about a part. */
export function parseHealth(text: string): Part[] {
  return Array.from(text.matchAll(/^\[([+-])\] ([^:\n]+):? ?(.*)$/gm), ([, mark, name = "", detail = ""]) => ({
    name,
    ok: mark === "+",
    detail,
  }));
}

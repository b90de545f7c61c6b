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

/** What a server does of a deployment. */
export interface Roles {
  readonly ingest: boolean;
  readonly persist: boolean;
  readonly scoreboard: boolean;
}

/** From the line `role`; a server without it does everything. */
export function rolesOf(parts: readonly Part[]): Roles {
  const named = parts.find(({ name }) => name === "role")?.detail.split(",") ?? ["all"];
  const has = (role: string) => named.includes("all") || named.includes(role);
  return { ingest: has("ingest"), persist: has("persist"), scoreboard: has("scoreboard") };
}

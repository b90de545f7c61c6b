// What a link can say: which board, which season of it, which player to follow, and which view. Pure.

export interface Address {
  readonly board: string | null;
  /** The season; null for the present one, live. */
  readonly version: number | null;
  readonly player: string | null;
  readonly view: "board" | "funnel";
}

/** The API's Int. */
const LARGEST_VERSION = 2 ** 31 - 1;

/** Whatever makes no sense is as good as left out: a mistyped link still leads somewhere. */
export function parseAddress(search: string): Address {
  const parameters = new URLSearchParams(search);
  return {
    board: parameters.get("board") || null,
    version: parseVersion(parameters.get("version")),
    player: parameters.get("player") || null,
    view: parameters.get("view") === "funnel" ? "funnel" : "board",
  };
}

/** As short as it can be. Parameters of others are not kept: the page is the only one who reads its links. */
export function formatAddress({ board, version, player, view }: Address): string {
  const parameters = new URLSearchParams();
  if (view !== "board") parameters.set("view", view);
  if (board !== null) parameters.set("board", board);
  if (version !== null) parameters.set("version", String(version));
  if (player !== null) parameters.set("player", player);
  const text = parameters.toString();
  return text === "" ? "/" : `/?${text}`;
}

function parseVersion(text: string | null): number | null {
  if (text === null || !/^[1-9]\d{0,9}$/.test(text)) return null;
  const version = Number(text);
  return version <= LARGEST_VERSION ? version : null;
}

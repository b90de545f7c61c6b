// Whole numbers in the viewer's own format. Scores reach 2^53 − 1, which a JavaScript number holds exactly.

const viewers = new Intl.NumberFormat();

export function formatInteger(value: number, format: Intl.NumberFormat = viewers): string {
  return format.format(value);
}

/** "1 player", "20 players". */
export function count(value: number, one: string, many: string): string {
  return `${formatInteger(value)} ${value === 1 ? one : many}`;
}

// Measures for people: few digits, the unit beside them. Pure.

const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const plain = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

export const number = (value: number): string => (value < 10_000 ? plain : short).format(value);
export const perSecond = (value: number): string => `${number(value)}/s`;
export const seconds = (value: number): string => `${plain.format(value)} s`;
export const ratio = (value: number): string => `${number(value)} : 1`;

export function bytes(value: number): string {
  const unit = Math.max(0, Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(1, value)) / 10)));
  return `${plain.format(value / 2 ** (10 * unit))} ${UNITS[unit]}`;
}

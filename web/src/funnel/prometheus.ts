// Reads the text in which servers tell their metrics (Prometheus, OpenMetrics): as much of it as the charts need. Pure.

export interface Metric {
  readonly name: string;
  readonly labels: string;
  readonly value: number;
}

/** `name{labels} value`, with perhaps a time behind it. Quoted labels may hold anything, braces too. */
const LINE = /^([a-zA-Z_:][\w:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?\s+(\S+)/;

/** Lines that are no metrics (comments, "# EOF", whatever a proxy says instead) are passed over. */
export function parseMetrics(text: string): Metric[] {
  const metrics = [];
  for (const line of text.split("\n")) {
    const [, name, labels = "", value = ""] = LINE.exec(line) ?? [];
    if (name !== undefined && !Number.isNaN(numberOf(value))) metrics.push({ name, labels, value: numberOf(value) });
  }
  return metrics;
}

/** The sum over all labels; null when there is no such metric. */
export function sumOf(metrics: readonly Metric[], name: string): number | null {
  const found = metrics.filter((metric) => metric.name === name);
  return found.length === 0 ? null : found.reduce((sum, { value }) => sum + value, 0);
}

function numberOf(text: string): number {
  if (/^[+-]?inf(inity)?$/i.test(text))
    return text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return text === "" ? Number.NaN : Number(text);
}

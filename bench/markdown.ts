import type { Spread } from "./statistics.ts";

/** A table whose first column is text and whose others are figures. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const rule = head.map((_, i) => i === 0 ? "---" : "---:");
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}

/** The median and, in brackets, the range. */
export function spreadText({ median, min, max }: Spread, text: (value: number) => string): string {
  return `${text(median)} (${text(min)}–${text(max)})`;
}

export function integer(value: number): string {
  return Math.round(value).toLocaleString("en");
}

export function decimal(value: number): string {
  return value.toFixed(2);
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** Bytes in MiB. */
export function mebibytes(bytes: number): string {
  return `${integer(bytes / 2 ** 20)} MiB`;
}

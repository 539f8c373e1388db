/** The middle of some numbers, and how far they spread. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The spread of one number or more. */
export function spread(numbers: readonly number[]): Spread {
  const sorted = sortedNumbers(numbers);
  const half = sorted.length / 2;
  const below = sorted[Math.ceil(half) - 1] ?? NaN;
  const above = sorted[Math.floor(half)] ?? NaN;
  return {
    median: (below + above) / 2,
    min: sorted[0] ?? NaN,
    max: sorted[sorted.length - 1] ?? NaN,
  };
}

/** The smallest number that at least `percent` (over 0, up to 100) of all numbers do not exceed. */
export function percentile(numbers: readonly number[], percent: number): number {
  const sorted = sortedNumbers(numbers);
  return sorted[Math.ceil(sorted.length * percent / 100) - 1] ?? NaN;
}

function sortedNumbers(numbers: readonly number[]): Float64Array {
  if (numbers.length === 0) throw new RangeError("statistics need one number or more, not 0");
  return Float64Array.from(numbers).sort();
}

import { SeededRandom } from "../tests/support/seeded_random.ts";

/** One call of a workload, in words that every interface can be told. */
export type Call =
  | { readonly operation: "get" | "set"; readonly key: string }
  | { readonly operation: "batchGet"; readonly keys: readonly string[] };

/** What is asked, of what, in which order. */
export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly valueBytes: number;
  /** The keys that are there before the first call. */
  readonly stored: readonly string[];
  /** Sent in turn, from the start again after the last. */
  readonly calls: readonly Call[];
}

const KIB = 1024;
const KEYS = 1000;
const BATCH_KEYS = 100;
const MIX_KEYS = 10_000;
const MIX_CALLS = 50_000;
const MIX_READS = 0.9;
const ZIPF_EXPONENT = 0.99;
const SEED = 42;

/** Every workload; all but the mix visit their keys evenly. */
export function workloads(): Workload[] {
  const keys = numbered("k", KEYS);
  const stored = { stored: keys };
  return [
    { name: "get_1k", title: "get hit, 1 KiB", valueBytes: KIB, ...stored, calls: gets(keys) },
    {
      name: "get_16k",
      title: "get hit, 16 KiB",
      valueBytes: 16 * KIB,
      ...stored,
      calls: gets(keys),
    },
    {
      name: "miss",
      title: "get miss",
      valueBytes: KIB,
      ...stored,
      calls: gets(numbered("no", KEYS)),
    },
    { name: "set_1k", title: "set, 1 KiB", valueBytes: KIB, ...stored, calls: sets(keys) },
    { name: "set_16k", title: "set, 16 KiB", valueBytes: 16 * KIB, ...stored, calls: sets(keys) },
    {
      name: "batch",
      title: `batch get of ${BATCH_KEYS}, 1 KiB`,
      valueBytes: KIB,
      ...stored,
      calls: batches(keys),
    },
    {
      name: "mix",
      title: `90/10 mix over ${MIX_KEYS.toLocaleString("en")} Zipf keys, 1 KiB`,
      valueBytes: KIB,
      stored: numbered("k", MIX_KEYS),
      calls: mix(),
    },
  ];
}

function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

function gets(keys: readonly string[]): Call[] {
  return keys.map((key) => ({ operation: "get", key }));
}

function sets(keys: readonly string[]): Call[] {
  return keys.map((key) => ({ operation: "set", key }));
}

function batches(keys: readonly string[]): Call[] {
  return Array.from({ length: keys.length / BATCH_KEYS }, (_, i) => ({
    operation: "batchGet",
    keys: keys.slice(i * BATCH_KEYS, (i + 1) * BATCH_KEYS),
  }));
}

function mix(): Call[] {
  const random = new SeededRandom(SEED);
  const uniform = (): number => random.uint32() / 2 ** 32;
  const ranks = zipfRanks({ count: MIX_CALLS, ranks: MIX_KEYS, uniform });
  return ranks.map((rank) => ({
    operation: uniform() < MIX_READS ? "get" : "set",
    key: `k${rank}`,
  }));
}

/** Draws ranks from 0, the most frequent, to `ranks` - 1; `uniform` gives numbers from 0 to 1. */
function zipfRanks(
  options: { readonly count: number; readonly ranks: number; readonly uniform: () => number },
): number[] {
  const cumulated = new Float64Array(options.ranks);
  let sum = 0;
  for (let i = 0; i < options.ranks; i++) cumulated[i] = sum += (i + 1) ** -ZIPF_EXPONENT;
  return Array.from({ length: options.count }, () => {
    const wanted = options.uniform() * sum;
    let low = 0;
    let high = options.ranks - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((cumulated[middle] ?? sum) > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  });
}

/** The value that all entries of a size have: bytes that no compression shortens. */
export function valueOf(workload: Workload): Uint8Array<ArrayBuffer> {
  return new SeededRandom(SEED).bytes(workload.valueBytes);
}

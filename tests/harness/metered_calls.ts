import fc from "fast-check";
import { type CacheDriver, Refusal } from "../support/cache_driver.ts";

/** What calls came to, as their answers tell it. */
export interface Tally {
  readonly operations: Record<string, number>;
  readonly hits: { redis: number; local: number };
  misses: number;
}

export function emptyTally(): Tally {
  return { operations: {}, hits: { redis: 0, local: 0 }, misses: 0 };
}

const key = fc.constantFrom("a", "b", "c", "");
const keys = fc.subarray(["a", "b", "c", "d"]);

/** Calls with few keys, some of them refused. */
export const meteredCalls = fc.array(
  fc.oneof(
    fc.record({ name: fc.constantFrom("get", "set", "delete"), key }),
    fc.record({ name: fc.constantFrom("batch_get", "batch_set"), keys }),
  ),
  { minLength: 1, maxLength: 12 },
);
type MeteredCall = typeof meteredCalls extends fc.Arbitrary<(infer T)[]> ? T : never;

/** Makes a call in namespace `n`, and counts it. */
export async function makeMetered(
  driver: CacheDriver,
  { call, tally }: { readonly call: MeteredCall; readonly tally: Tally },
): Promise<void> {
  const name = call.name;
  tally.operations[name] = (tally.operations[name] ?? 0) + 1;
  try {
    if ("key" in call) await makeSingle(driver, { name, key: call.key, tally });
    else await makeBatch(driver, { name, keys: call.keys, tally });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}

async function makeSingle(
  driver: CacheDriver,
  { name, key, tally }: { readonly name: string; readonly key: string; readonly tally: Tally },
): Promise<void> {
  if (name === "set") await driver.set({ namespace: "n", key, value: Uint8Array.of(1) });
  else if (name === "delete") await driver.delete("n", key);
  else {
    const read = await driver.get("n", key);
    if (read.found) tally.hits[read.source === "local" ? "local" : "redis"]++;
    else tally.misses++;
  }
}

async function makeBatch(
  driver: CacheDriver,
  { name, keys, tally }: {
    readonly name: string;
    readonly keys: readonly string[];
    readonly tally: Tally;
  },
): Promise<void> {
  if (name === "batch_set") {
    const entries = new Map(keys.map((key) => [key, Uint8Array.of(2)]));
    await driver.batchSet({ namespace: "n", entries });
  } else {
    const { values, missingKeys } = await driver.batchGet("n", keys);
    // A batch does not say where each of its hits came from.
    tally.hits.local += values.size;
    tally.misses += missingKeys.length;
  }
}

import assert from "node:assert/strict";
import { type CacheDriver, Refusal, type WriteOptions } from "../support/cache_driver.ts";

/** One operation in a namespace that each case has for itself; gives what is worth comparing. */
export type Step = (driver: CacheDriver, namespace: string) => Promise<unknown>;

// What outcomes look like, on the memory backend.

export const MISS = { found: false, degraded: false };
export const STORED = { degraded: false };
export const refused = (code: string): { code: string } => ({ code });
export const deleted = (deleted: boolean): unknown => ({ deleted, degraded: false });
export const storedCount = (storedCount: number): unknown => ({
  success: true,
  storedCount,
  degraded: false,
});

/** TTLs are compared in steps of ten seconds, as time goes on. */
export function hit(value: string, { ttlSeconds }: { readonly ttlSeconds: number }): unknown {
  return { found: true, value, ttlSeconds, source: "local", degraded: false };
}

export function batch(
  values: Record<string, string>,
  missingKeys: readonly string[] = [],
): unknown {
  return {
    values: new Map(Object.entries(values)),
    missingKeys,
    errors: new Map(),
    degraded: false,
  };
}

// The operations. Each gives its answer without what is different every time.

export function get(key: string): Step {
  return async (driver, namespace) => {
    const read = await driver.get(namespace, key);
    if (!read.found) return read;
    const { version: _, value, ttlSeconds, ...rest } = read;
    return { ...rest, value: text(value), ttlSeconds: Math.ceil(ttlSeconds / 10) * 10 };
  };
}

export function set(key: string, value: string | Uint8Array, options: WriteOptions = {}): Step {
  return async (driver, namespace) => {
    const { degraded } = await driver.set({ namespace, key, value: bytes(value) }, options);
    return { degraded };
  };
}

export function remove(key: string): Step {
  return async (driver, namespace) => {
    const { deleted, degraded } = await driver.delete(namespace, key);
    return { deleted, degraded };
  };
}

export function batchGet(...keys: string[]): Step {
  return async (driver, namespace) => {
    const { values, missingKeys, errors, degraded } = await driver.batchGet(namespace, keys);
    const texts = new Map(Array.from(values, ([key, value]) => [key, text(value)]));
    return { values: texts, missingKeys, errors, degraded };
  };
}

export function batchSet(
  entries: Iterable<[string, string | Uint8Array]>,
  options?: WriteOptions,
): Step {
  const all = new Map(Array.from(entries, ([key, value]) => [key, bytes(value)]));
  return (driver, namespace) => driver.batchSet({ namespace, entries: all }, options);
}

/** The step in another namespace. */
export function within(namespace: string, step: Step): Step {
  return (driver) => step(driver, namespace);
}

/** `count` different keys, each with a value of `length` bytes. */
export function many(
  count: number,
  { length }: { readonly length: number },
): [string, Uint8Array][] {
  return Array.from({ length: count }, (_, index) => [`key ${index}`, new Uint8Array(length)]);
}

/** How many versions two sets of one key, and a get, have seen. */
export const versionsOfTwoSets: Step = async (driver, namespace) => {
  const versions = new Set<string>();
  for (const value of ["same", "same"]) {
    await driver.set({ namespace, key: "k", value: bytes(value) });
    const [first, again] = [await driver.get(namespace, "k"), await driver.get(namespace, "k")];
    assert(first.found && again.found);
    assert.match(first.version, /^[0-9a-f]{24}$/);
    assert.equal(first.version, again.version);
    versions.add(first.version);
  }
  return versions.size;
};

/** The TTL that is told of an entry with `ttlSeconds`, asked for while it lives. */
export function ttlAtOnce(ttlSeconds: number): Step {
  return async (driver, namespace) => {
    for (;;) {
      await driver.set({ namespace, key: "k", value: bytes("") }, { ttlSeconds });
      const read = await driver.get(namespace, "k");
      if (read.found) return read.ttlSeconds;
    }
  };
}

/** What a step gave, or the code with which it was refused. */
export async function outcome(step: Promise<unknown>): Promise<unknown> {
  try {
    return await step;
  } catch (error) {
    if (error instanceof Refusal) return refused(error.code);
    throw error;
  }
}

function bytes(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? new TextEncoder().encode(value) : value;
}

function text(value: Uint8Array): string {
  return new TextDecoder().decode(value);
}

// Property 6, requirements 2.3, 2.4, 2.5, 10.4: eviction follows the policy and is counted.
import assert from "node:assert/strict";
import fc from "fast-check";
import type { BoundedMap, BoundedMapOptions } from "../../src/cache/eviction.ts";
import { LfuMap } from "../../src/cache/lfu.ts";
import { LruMap } from "../../src/cache/lru.ts";
import { COPY_OVERHEAD_BYTES, type EvictionReason, NearCache } from "../../src/cache/near_cache.ts";
import { propertyOptions } from "../support/seeded_random.ts";

type Policy = "lru" | "lfu";

interface Value {
  readonly text: string;
}

interface Limits {
  readonly maxEntries: number;
  readonly maxBytes: number;
}

interface ModelEntry {
  readonly key: string;
  value: Value;
  bytes: number;
  uses: number;
}

/** What a bounded map should do, said as plainly as possible: one array, the next to leave first. */
class Model {
  readonly evicted: string[] = [];
  entries: ModelEntry[] = [];
  halvings = 0;
  #uses = 0;

  constructor(readonly policy: Policy, readonly limits: Limits) {}

  get bytes(): number {
    return this.entries.reduce((sum, entry) => sum + entry.bytes, 0);
  }

  find(key: string): ModelEntry | undefined {
    return this.entries.find((entry) => entry.key === key);
  }

  get(key: string): Value | undefined {
    const entry = this.find(key);
    if (entry !== undefined) this.#use(entry);
    return entry?.value;
  }

  set(key: string, value: Value, bytes: number): void {
    if (bytes > this.limits.maxBytes) {
      this.delete(key);
      return;
    }
    const entry = this.find(key) ?? { key, value, bytes, uses: 0 };
    Object.assign(entry, { value, bytes });
    this.#use(entry);
    while (this.entries.length > this.limits.maxEntries || this.bytes > this.limits.maxBytes) {
      const victim = this.entries.find((other) => other !== entry);
      assert.ok(victim);
      this.delete(victim.key);
      this.evicted.push(`${victim.key}=${victim.value.text}`);
    }
  }

  delete(key: string): boolean {
    const before = this.entries.length;
    this.entries = this.entries.filter((entry) => entry.key !== key);
    return this.entries.length < before;
  }

  #use(entry: ModelEntry): void {
    this.delete(entry.key);
    entry.uses++;
    const place = this.policy === "lru"
      ? -1
      : this.entries.findIndex((other) => other.uses > entry.uses);
    this.entries.splice(place < 0 ? this.entries.length : place, 0, entry);
    if (++this.#uses % (10 * this.limits.maxEntries) === 0) {
      this.halvings++;
      for (const each of this.entries) each.uses = Math.max(1, Math.floor(each.uses / 2));
    }
  }
}

const KEYS = ["a", "b", "c", "d", "e", "f", "g"];
const MAPS: Record<Policy, new (options: BoundedMapOptions<Value>) => BoundedMap<Value>> = {
  lru: LruMap,
  lfu: LfuMap,
};

type Command =
  | { readonly act: "get" | "delete"; readonly key: string }
  | { readonly act: "set"; readonly key: string; readonly value: Value; readonly bytes: number };

interface Step {
  readonly act: "get" | "fill" | "remove" | "wait";
  readonly key: string;
  /** Bytes of the value filled, a fifth of its TTL, or the time to wait. */
  readonly n: number;
}

// By default almost all scripts have fewer steps than the ageing needs.
const LONG = { maxLength: 300, size: "max" } as const;
const key = fc.constantFrom(...KEYS);
const maxEntries = fc.integer({ min: 1, max: 5 });
const limits = fc.record({ maxEntries, maxBytes: fc.integer({ min: 1, max: 40 }) });
const set = fc.record({
  act: fc.constant("set" as const),
  key,
  // Few, so that a key is also given the value that it has.
  value: fc.constantFrom<Value>({ text: "x" }, { text: "y" }),
  bytes: fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: 1, max: 5 }) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 45 }) },
  ),
});
const commands = fc.array<Command>(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ act: fc.constant("get" as const), key }) },
    { weight: 4, arbitrary: set },
    { weight: 1, arbitrary: fc.record({ act: fc.constant("delete" as const), key }) },
  ),
  LONG,
);
const steps = fc.array<Step>(
  fc.record({
    act: fc.constantFrom("get", "get", "fill", "remove", "wait"),
    key,
    n: fc.nat(9),
  }),
  LONG,
);

function apply(
  command: Command,
  map: BoundedMap<Value> | Model,
): Value | boolean | undefined | void {
  if (command.act === "set") return map.set(command.key, command.value, command.bytes);
  return command.act === "get" ? map.get(command.key) : map.delete(command.key);
}

/** Runs the script on the map and on the model, which it returns. */
function compareMap(model: Model, script: readonly Command[]): Model {
  const evicted: string[] = [];
  const map = new MAPS[model.policy]({
    ...model.limits,
    onEvict: (key, value) => evicted.push(`${key}=${value.text}`),
  });
  for (const command of script) {
    assert.equal(apply(command, map), apply(command, model));
    assert.deepEqual([...map.keys()], model.entries.map((entry) => entry.key));
    for (const key of KEYS) assert.equal(map.peek(key), model.find(key)?.value);
    assert.deepEqual(evicted, model.evicted);
    assert.deepEqual([map.size, map.bytes], [model.entries.length, model.bytes]);
    assert.ok(map.size <= model.limits.maxEntries && map.bytes <= model.limits.maxBytes);
  }
  return model;
}

/** Runs the script on the near cache and on the model, whose values are the times of expiry. */
function compareNearCache(model: Model, script: readonly Step[]): void {
  const { policy, limits } = model;
  const counts = { size: 0, expired: 0, invalidated: 0 };
  const expected = { ...counts };
  const onEviction = (reason: EvictionReason, copies: number): void => {
    counts[reason] += copies;
  };
  const near = new NearCache({ policy, ...limits, onEviction });
  let now = 0;
  for (const { act, key, n } of script) {
    if (act === "wait") now += n;
    if (act === "remove") {
      expected.invalidated += Number(model.delete(key));
      near.remove(key, "invalidated");
    }
    if (act === "fill") {
      const expiresAtMs = now + 5 * n;
      const stamp = { ms: now, counter: 0, writer: 1 };
      const value = new Uint8Array(n);
      near.fill(key, { value, stamp, expiresAtMs, filledAtMs: 0, lease: undefined });
      model.set(key, { text: `${expiresAtMs}` }, COPY_OVERHEAD_BYTES + 2 * key.length + n);
    }
    if (act === "get") {
      const expiry = Number(model.get(key)?.text);
      if (expiry <= now) expected.expired += Number(model.delete(key));
      assert.equal(near.get(key, now)?.expiresAtMs, expiry > now ? expiry : undefined);
    }
    assert.deepEqual(counts, { ...expected, size: model.evicted.length });
    assert.deepEqual([near.entries, near.bytes], [model.entries.length, model.bytes]);
    assert.ok(near.entries <= limits.maxEntries && near.bytes <= limits.maxBytes);
  }
}

for (const policy of ["lru", "lfu"] as const) {
  Deno.test(`${policy} holds and lets go exactly what a plain model does`, () => {
    let halvings = 0;
    fc.assert(
      fc.property(limits, commands, (limits, script) => {
        halvings += compareMap(new Model(policy, limits), script).halvings;
      }),
      propertyOptions({ numRuns: 200 }),
    );
    assert.ok(halvings > 100, `only ${halvings} halvings were tried`);
  });

  Deno.test(`a near cache keeps to ${policy} and counts every copy that leaves`, () => {
    const maxBytes = 3 * COPY_OVERHEAD_BYTES + 20;
    fc.assert(
      fc.property(maxEntries, steps, (maxEntries, script) => {
        compareNearCache(new Model(policy, { maxEntries, maxBytes }), script);
      }),
      propertyOptions({ numRuns: 200 }),
    );
  });
}

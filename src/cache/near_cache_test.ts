import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  COPY_OVERHEAD_BYTES,
  type EvictionReason,
  NearCache,
  type NearCopy,
} from "./near_cache.ts";

const NOW = 1_735_689_600_000;

interface Fixture {
  readonly near: NearCache;
  readonly evictions: [EvictionReason, number][];
}

function nearCache(
  options: { readonly policy?: "lru" | "lfu"; readonly maxBytes?: number } = {},
): Fixture {
  const evictions: [EvictionReason, number][] = [];
  const near = new NearCache({
    policy: "lru",
    maxEntries: 3,
    maxBytes: 100_000,
    ...options,
    onEviction: (reason, copies) => evictions.push([reason, copies]),
  });
  return { near, evictions };
}

function copyOf(value: Uint8Array<ArrayBuffer>, expiresAtMs = NOW + 1): NearCopy {
  const stamp = { ms: NOW, counter: 0, writer: 1 };
  return { value, stamp, expiresAtMs, filledAtMs: 0, lease: undefined };
}

Deno.test("a copy is answered as it was filled, until it is replaced", () => {
  const { near, evictions } = nearCache();
  const lease = { trusted: (): boolean => false, superseded: () => false };
  const first = { ...copyOf(new Uint8Array([1])), lease };
  near.fill("ns:a", first);
  assert.deepEqual(near.get("ns:a", NOW), first);
  near.fill("ns:a", copyOf(new Uint8Array()));
  assert.deepEqual(near.get("ns:a", NOW)?.value, new Uint8Array());
  assert.equal(near.get("ns:b", NOW), undefined);
  assert.deepEqual(evictions, []);
});

Deno.test("keys count two bytes a UTF-16 unit, and each copy a fixed overhead", () => {
  const { near } = nearCache();
  near.fill("ns:aé", copyOf(new Uint8Array(10)));
  near.fill("ns:😀", copyOf(new Uint8Array(20)));
  assert.equal(near.bytes, 2 * COPY_OVERHEAD_BYTES + 2 * 5 + 2 * 5 + 30);
  assert.equal(near.entries, 2);
});

Deno.test("a value that is part of a larger buffer is copied out of it", () => {
  const { near } = nearCache();
  const bytes = Uint8Array.from({ length: 100 }, (_, index) => index);
  for (const [key, reply] of Object.entries({ array: bytes, buffer: Buffer.from(bytes) })) {
    near.fill(key, copyOf(reply.subarray(24, 34)));
    const value = near.get(key, NOW)?.value;
    assert.deepEqual([...value ?? []], [...bytes.subarray(24, 34)]);
    assert.equal(value?.buffer.byteLength, 10);
  }
});

Deno.test("a copy is dropped at its expiry by store time, and counted", () => {
  const { near, evictions } = nearCache();
  near.fill("ns:a", copyOf(new Uint8Array([1]), NOW));
  assert.notEqual(near.get("ns:a", NOW - 1), undefined);
  assert.equal(near.get("ns:a", NOW), undefined);
  assert.deepEqual([near.entries, near.bytes], [0, 0]);
  assert.deepEqual(evictions, [["expired", 1]]);
});

Deno.test("no copy is answered before store time is known", () => {
  const { near } = nearCache();
  near.fill("ns:a", copyOf(new Uint8Array([1])));
  assert.equal(near.get("ns:a", NaN), undefined);
});

Deno.test("what is removed is counted under its reason, and what was not there is not", () => {
  const { near, evictions } = nearCache();
  for (const key of ["a", "b", "c"]) near.fill(key, copyOf(new Uint8Array([1])));
  assert.equal(near.remove("a", "invalidated"), true);
  assert.equal(near.remove("a", "invalidated"), false);
  near.removeAll("invalidated");
  near.removeAll("invalidated");
  assert.deepEqual([near.entries, near.bytes], [0, 0]);
  assert.deepEqual(evictions, [["invalidated", 1], ["invalidated", 2]]);
});

for (const [policy, gone] of [["lru", "a"], ["lfu", "b"]] as const) {
  Deno.test(`${policy} decides which copy makes room for one more`, () => {
    const { near, evictions } = nearCache({ policy });
    for (const key of ["a", "b", "c"]) near.fill(key, copyOf(new Uint8Array([1])));
    for (const key of ["a", "a", "b", "c", "c"]) near.get(key, NOW);
    near.fill("d", copyOf(new Uint8Array([1])));
    assert.deepEqual(["a", "b", "c", "d"].filter((key) => !near.get(key, NOW)), [gone]);
    assert.deepEqual(evictions, [["size", 1]]);
  });

  Deno.test(`${policy}: bytes are bounded too, and a copy above all room is not kept`, () => {
    const { near, evictions } = nearCache({ policy, maxBytes: 2 * COPY_OVERHEAD_BYTES + 10 });
    near.fill("a", copyOf(new Uint8Array(3)));
    near.fill("b", copyOf(new Uint8Array(3)));
    assert.equal(near.bytes, 2 * COPY_OVERHEAD_BYTES + 10);
    near.fill("b", copyOf(new Uint8Array(4)));
    assert.deepEqual([near.get("a", NOW), near.entries], [undefined, 1]);
    near.fill("b", copyOf(new Uint8Array(COPY_OVERHEAD_BYTES + 9)));
    assert.deepEqual([near.entries, near.bytes], [0, 0]);
    assert.deepEqual(evictions, [["size", 1]]);
  });
}

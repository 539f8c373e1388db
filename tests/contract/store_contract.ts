import assert from "node:assert/strict";
import { type Entry, FLAG_ENCRYPTED, FLAG_TOMBSTONE, isLive } from "../../src/core/entry.ts";
import { CacheError } from "../../src/core/errors.ts";
import { compareStamps, RAISED_WRITER_BIT, type Stamp } from "../../src/core/stamp.ts";
import type { Store, StoreWrite, WriteOutcome } from "../../src/core/store.ts";

const TOMBSTONE_TTL_MS = 600_000;
const WRITER = 7;

/** The store under test, and what the suite needs to know of it. */
export interface StoreUnderTest {
  readonly store: Store;
  /** The monotonic clock that the store's deadlines are read on. */
  monotonicMs(): number;
}

/** The tombstone TTL that a store under test is opened with, in milliseconds. */
export const CONTRACT_TOMBSTONE_TTL_MS = TOMBSTONE_TTL_MS;

/** What every store promises, one step a promise. Keys are fresh, so the store may be shared. */
export async function checkStoreContract(
  context: Deno.TestContext,
  { store, monotonicMs }: StoreUnderTest,
): Promise<void> {
  let keys = 0;
  const run = crypto.randomUUID();
  const entryOf = async (key: string): Promise<Entry | undefined> => (await store.get(key)).entry;
  const freshKey = () => `contract:${run}-${keys++}`;
  const stamp = (offsetMs = 0, counter = 0): Stamp => ({
    ms: Math.floor(store.time.nowMs()) + offsetMs,
    counter,
    writer: WRITER,
  });
  const entry = (payload: Uint8Array<ArrayBuffer>, options: Partial<Entry> = {}): Entry => ({
    flags: 0,
    stamp: stamp(),
    expiresAtMs: Math.ceil(store.time.nowMs()) + 60_000,
    payload,
    ...options,
  });
  const tombstone = (options: Partial<Entry> = {}): Entry =>
    entry(new Uint8Array(0), { flags: FLAG_TOMBSTONE, expiresAtMs: 0, ...options });
  const write = (key: string, written: Entry, options: Partial<StoreWrite> = {}) =>
    store.write({
      key,
      entry: written,
      mode: "ordinary",
      deadlineMs: monotonicMs() + 5000,
      ...options,
    });
  const written = async (pending: Promise<WriteOutcome>) => {
    const outcome = await pending;
    assert.equal(outcome.status, "written");
    assert(outcome.status === "written");
    return outcome;
  };

  await context.step("a key never written is not there", async () => {
    assert.equal(await entryOf(freshKey()), undefined);
  });

  for (const size of [0, 1, 1024, 1024 * 1024]) {
    await context.step(`an entry of ${size} bytes comes back as it was written`, async () => {
      const key = freshKey();
      const value = crypto.getRandomValues(new Uint8Array(Math.min(size, 65_536)));
      const payload = new Uint8Array(size);
      for (let i = 0; i < size; i += value.length) payload.set(value, i);
      const original = entry(payload, { flags: FLAG_ENCRYPTED });
      const outcome = await written(write(key, original));
      assert.deepEqual(outcome, {
        status: "written",
        stamp: original.stamp,
        replaced: false,
        isExpired: false,
        lease: undefined,
      });
      const read = await entryOf(key);
      assert(read !== undefined);
      assert.equal(read.flags, FLAG_ENCRYPTED);
      assert.equal(read.expiresAtMs, original.expiresAtMs);
      assert.deepEqual(read.stamp, original.stamp);
      assert.equal(read.payload.length, size);
      assert(Buffer.from(read.payload).equals(payload));
    });
  }

  await context.step("keys of any well-formed text are told apart", async () => {
    const odd = [
      "__proto__",
      "constructor",
      "a b",
      "a/b",
      "%FF",
      "{tag}",
      "é",
      "🙂",
      "\u0000",
      " ",
    ];
    const base = freshKey();
    for (const [i, name] of odd.entries()) {
      await written(write(base + name, entry(new Uint8Array([i]))));
    }
    const results = await store.getMany(odd.map((name) => base + name), { maxBytes: 1000 });
    for (const [i] of odd.entries()) {
      const result = results[i];
      assert(result !== undefined && !(result instanceof CacheError));
      assert.deepEqual([...result.entry?.payload ?? []], [i]);
    }
  });

  await context.step("the stored value does not change with the caller's buffer", async () => {
    const key = freshKey();
    const payload = new Uint8Array([1, 2, 3]);
    await written(write(key, entry(payload)));
    payload.fill(9);
    assert.deepEqual([...(await entryOf(key))?.payload ?? []], [1, 2, 3]);
  });

  await context.step(
    "an ordinary write wins over a higher stored stamp, by raising its own",
    async () => {
      const key = freshKey();
      const high = stamp(10_000, 5);
      await written(write(key, entry(new Uint8Array([1]), { stamp: high })));
      const outcome = await written(write(key, entry(new Uint8Array([2]))));
      assert.deepEqual(outcome.stamp, {
        ms: high.ms,
        counter: 6,
        writer: (WRITER | RAISED_WRITER_BIT) >>> 0,
      });
      assert.equal(outcome.replaced, true);
      const read = await entryOf(key);
      assert.deepEqual(read?.stamp, outcome.stamp);
      assert.deepEqual([...read?.payload ?? []], [2]);
    },
  );

  await context.step("raising carries from the counter into the milliseconds", async () => {
    const key = freshKey();
    const high = stamp(1000, 65_535);
    await written(write(key, entry(new Uint8Array([1]), { stamp: high })));
    const outcome = await written(write(key, entry(new Uint8Array([2]))));
    assert.equal(outcome.stamp.ms, high.ms + 1);
    assert.equal(outcome.stamp.counter, 0);
  });

  await context.step("stamps compare as numbers, not as text", async () => {
    const key = freshKey();
    const base = stamp();
    const rising = [
      { ...base, counter: 9, writer: 0xff },
      { ...base, counter: 9, writer: 0x100 },
      { ...base, counter: 0x0a00, writer: 1 },
      { ...base, counter: 0xff00, writer: 1 },
      { ...base, ms: base.ms + 256, counter: 0, writer: 1 },
    ];
    for (const next of rising) {
      const outcome = await write(key, entry(new Uint8Array(1), { stamp: next }), {
        mode: "replay",
      });
      assert.deepEqual(outcome.status === "written" ? outcome.stamp : outcome.status, next);
    }
    for (const old of rising) {
      const outcome = await write(key, entry(new Uint8Array(1), { stamp: old }), {
        mode: "replay",
      });
      assert.equal(outcome.status, "superseded");
    }
  });

  await context.step("a replay with the same stamp changes nothing", async () => {
    const key = freshKey();
    const same = stamp();
    await written(write(key, entry(new Uint8Array([1]), { stamp: same })));
    const outcome = await write(key, entry(new Uint8Array([2]), { stamp: same }), {
      mode: "replay",
    });
    assert.equal(outcome.status, "superseded");
    assert.deepEqual([...(await entryOf(key))?.payload ?? []], [1]);
  });

  await context.step("a write after its deadline changes nothing", async () => {
    const key = freshKey();
    const deadlineMs = monotonicMs() - 1000;
    const outcome = await write(key, entry(new Uint8Array([1])), { deadlineMs });
    assert.equal(outcome.status, "late");
    assert.equal(await entryOf(key), undefined);
  });

  await context.step("a delete leaves a tombstone that tells what was there", async () => {
    const key = freshKey();
    assert.equal((await written(write(key, tombstone()))).replaced, false);
    await written(write(key, entry(new Uint8Array([1]))));
    const outcome = await written(write(key, tombstone()));
    assert.equal(outcome.replaced, true);
    assert.equal((await written(write(key, tombstone()))).replaced, false);
    const read = await entryOf(key);
    assert(read !== undefined);
    assert.equal(isLive(read, store.time.nowMs()), false);
    assert.equal(read.payload.length, 0);
    const lifeMs = read.expiresAtMs - store.time.nowMs();
    assert(lifeMs > TOMBSTONE_TTL_MS - 2000 && lifeMs < TOMBSTONE_TTL_MS + 2000, `${lifeMs}`);
  });

  await context.step("a tombstone lives its time from its stamp, where that is ahead", async () => {
    const key = freshKey();
    const ahead = stamp(30_000);
    await written(write(key, tombstone({ stamp: ahead })));
    assert.equal((await entryOf(key))?.expiresAtMs, ahead.ms + TOMBSTONE_TTL_MS);
  });

  await context.step("an older replay does not bring a deleted value back", async () => {
    const key = freshKey();
    const before = stamp(-1000);
    await written(write(key, tombstone()));
    const outcome = await write(key, entry(new Uint8Array([1]), { stamp: before }), {
      mode: "replay",
    });
    assert.equal(outcome.status, "superseded");
  });

  await context.step(
    "an event's delete removes whatever stands, and keeps the higher stamp",
    async () => {
      const event = { mode: "event" } as const;
      for (const seconds of [-5, 5]) {
        const key = freshKey();
        const old = stamp();
        const of = { ...old, ms: old.ms + seconds * 1000 };
        await written(write(key, entry(new Uint8Array([1]), { stamp: old })));
        const outcome = await written(write(key, tombstone({ stamp: of }), event));
        const higher = seconds > 0 ? of : old;
        assert.deepEqual(outcome, { ...outcome, stamp: higher, replaced: true });
        const left = await entryOf(key);
        assert(left !== undefined && !isLive(left, store.time.nowMs()));
        assert.deepEqual(left.stamp, higher);
        assert.equal((await write(key, tombstone({ stamp: of }), event)).status, "superseded");
        const older = entry(new Uint8Array([2]), { stamp: { ...old, ms: old.ms - 1 } });
        assert.equal((await write(key, older, { mode: "replay" })).status, "superseded");
      }
    },
  );

  await context.step("an event's value stands unless the stored stamp is as high", async () => {
    const event = { mode: "event" } as const;
    const key = freshKey();
    const at = stamp();
    const first = entry(new Uint8Array([1]), { stamp: at });
    await written(write(key, first, event));
    assert.equal((await write(key, first, event)).status, "superseded");
    assert.deepEqual([...(await entryOf(key))?.payload ?? []], [1]);
    const older = entry(new Uint8Array([2]), { stamp: { ...at, ms: at.ms - 1 } });
    assert.equal((await write(key, older, event)).status, "superseded");
    assert.deepEqual([...(await entryOf(key))?.payload ?? []], [1]);
    const newer = { ...at, ms: at.ms + 1 };
    await written(write(key, entry(new Uint8Array([3]), { stamp: newer }), event));
    assert.deepEqual([...(await entryOf(key))?.payload ?? []], [3]);
  });

  await context.step(
    "two values under one stamp leave neither, and no event brings one back",
    async () => {
      const event = { mode: "event" } as const;
      const key = freshKey();
      const at = stamp();
      for (const byte of [1, 2, 1, 2]) {
        await write(key, entry(new Uint8Array([byte]), { stamp: at }), event);
      }
      const left = await entryOf(key);
      assert(left !== undefined && !isLive(left, store.time.nowMs()));
      assert.deepEqual(left.stamp, at);
    },
  );

  await context.step(
    "an event older than tombstones live, or expired, leaves a tombstone",
    async () => {
      const event = { mode: "event" } as const;
      const old = stamp(-TOMBSTONE_TTL_MS - 60_000);
      const ended = { ...entry(new Uint8Array([1])), expiresAtMs: stamp().ms - 1000 };
      for (const late of [entry(new Uint8Array([1]), { stamp: old }), ended]) {
        const key = freshKey();
        assert.equal((await written(write(key, late, event))).isExpired, true);
        const left = await entryOf(key);
        assert(left !== undefined && !isLive(left, store.time.nowMs()));
      }
    },
  );

  await context.step("many concurrent writes of a key leave the highest stamp", async () => {
    const key = freshKey();
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, i) => written(write(key, entry(new Uint8Array([i]))))),
    );
    const stamps = outcomes.map((outcome) => outcome.stamp).sort(compareStamps);
    for (const [i, next] of stamps.entries()) {
      const previous = stamps[i - 1];
      if (previous !== undefined) assert(compareStamps(previous, next) < 0, "stamps repeat");
    }
    assert.deepEqual((await entryOf(key))?.stamp, stamps.at(-1));
  });

  await context.step("a rewrap changes the payload, and neither stamp nor expiry", async () => {
    const key = freshKey();
    const { stamp } = await written(write(key, entry(new Uint8Array([1]))));
    const before = await entryOf(key);
    assert(before !== undefined);
    const rewrap = { ...before, payload: new Uint8Array([2, 3]) };
    const outcome = await written(write(key, rewrap, { mode: "rewrap" }));
    assert.deepEqual(outcome, { ...outcome, stamp, replaced: true, isExpired: false });
    const read = await entryOf(key);
    assert.deepEqual({ ...read, payload: [...read?.payload ?? []] }, {
      ...before,
      payload: [2, 3],
    });
  });

  await context.step("a rewrap of what is not stored any more changes nothing", async () => {
    const read = entry(new Uint8Array([1]));
    const rewrap = { ...read, payload: new Uint8Array([2]) };
    const absent = freshKey();
    const replaced = freshKey();
    const deleted = freshKey();
    const expired = freshKey();
    await written(write(replaced, read));
    await written(write(replaced, entry(new Uint8Array([3]))));
    await written(write(deleted, read));
    await written(write(deleted, tombstone()));
    for (const key of [absent, replaced, deleted]) {
      const outcome = await write(key, rewrap, { mode: "rewrap" });
      assert.equal(outcome.status, "superseded");
    }
    assert.equal(await entryOf(absent), undefined);
    assert.deepEqual([...(await entryOf(replaced))?.payload ?? []], [3]);
    const stands = await entryOf(deleted);
    assert.equal(stands?.flags, FLAG_TOMBSTONE);
    // Neither is a tombstone's own header, nor that of an entry which has expired.
    assert.equal((await write(deleted, stands, { mode: "rewrap" })).status, "superseded");
    await written(write(expired, tombstone()));
    const past = { ...rewrap, expiresAtMs: Math.floor(store.time.nowMs()) - 1000 };
    const { stamp } = await written(write(expired, past));
    const outcome = await write(expired, { ...past, stamp }, { mode: "rewrap" });
    assert.equal(outcome.status, "superseded");
  });

  await context.step("a rewrap of another header than is stored changes nothing", async () => {
    const key = freshKey();
    const read = entry(new Uint8Array([1]), { flags: FLAG_ENCRYPTED });
    await written(write(key, read));
    const payload = new Uint8Array([2]);
    const others: Partial<Entry>[] = [
      { flags: 0 },
      { expiresAtMs: read.expiresAtMs + 1 },
      { stamp: { ...read.stamp, ms: read.stamp.ms + 1 } },
      { stamp: { ...read.stamp, counter: read.stamp.counter + 1 } },
      { stamp: { ...read.stamp, writer: read.stamp.writer + 1 } },
    ];
    for (const other of others) {
      const outcome = await write(key, { ...read, payload, ...other }, { mode: "rewrap" });
      assert.equal(outcome.status, "superseded");
    }
    const deadlineMs = monotonicMs() - 1000;
    const late = await write(key, { ...read, payload }, { mode: "rewrap", deadlineMs });
    assert.equal(late.status, "late");
    assert.deepEqual([...(await entryOf(key))?.payload ?? []], [1]);
  });

  await context.step("a scan gives the keys of its namespace and no others", async () => {
    const name = `scan.${run}`;
    const own = Array.from({ length: 1200 }, (_, i) => `${name}:${i}-*?[]{}é🙂`);
    const foreign = [`${name}2:x`, `x${name}:x`, `${name.replace("scan.", "scan_")}:x`, "other:x"];
    await Promise.all(
      [...own, ...foreign].map((key) => written(write(key, entry(new Uint8Array(1))))),
    );
    const found = new Set<string>();
    for await (const page of store.scan(name)) {
      assert(page.length <= 1000, `a page of ${page.length} keys`);
      for (const key of page) found.add(key);
    }
    assert.deepEqual([...found].sort(), own.toSorted());
    for await (const page of store.scan(`${name}.none`)) assert.deepEqual(page, []);
  });

  await context.step("a batch read keeps the order and the gaps", async () => {
    const present = Array.from({ length: 500 }, freshKey);
    await Promise.all(
      present.map((key, i) => written(write(key, entry(new Uint8Array([i % 256]))))),
    );
    const asked = present.flatMap((key) => [key, `${key}-absent`]);
    const results = await store.getMany(asked, { maxBytes: 8 * 1024 * 1024 });
    assert.equal(results.length, 1000);
    for (const [i, result] of results.entries()) {
      if (i % 2 === 1) assert.deepEqual(result, { entry: undefined, lease: undefined });
      else {
        assert(result !== undefined && !(result instanceof CacheError));
        assert.equal(result.entry?.payload[0], (i / 2) % 256);
      }
    }
  });

  await context.step("a batch read returns values of very different sizes whole", async () => {
    const sizes = [0, 1, 300_000, 10, 50_000];
    const batch = sizes.map(() => freshKey());
    for (const [i, size] of sizes.entries()) {
      await written(write(batch[i] ?? "", entry(new Uint8Array(size).fill(i))));
    }
    const results = await store.getMany(batch, { maxBytes: 350_011 });
    assert.deepEqual(
      results.map((result) =>
        result instanceof CacheError ? result.code : result.entry?.payload.length
      ),
      sizes,
    );
  });

  await context.step("a batch read over its limit is refused", async () => {
    const batch = [freshKey(), freshKey()];
    for (const key of batch) await written(write(key, entry(new Uint8Array(600))));
    await assert.rejects(store.getMany(batch, { maxBytes: 1199 }), { code: "batch_too_large" });
    assert.equal((await store.getMany(batch, { maxBytes: 1200 })).length, 2);
  });

  await context.step("a batch read of no keys is empty", async () => {
    assert.deepEqual(await store.getMany([], { maxBytes: 10 }), []);
  });
}

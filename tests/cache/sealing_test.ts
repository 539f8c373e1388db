// Requirements 5.3, 5.4: what is sealed and opened on the way between callers and store.
import assert from "node:assert/strict";
import type { CacheService } from "../../src/cache/cache_service.ts";
import type { Local } from "../../src/cache/local.ts";
import type { Lease } from "../../src/core/coherence.ts";
import { type Entry, FLAG_ENCRYPTED, FLAG_TOMBSTONE } from "../../src/core/entry.ts";
import { SEAL_OVERHEAD_BYTES, type SealContext } from "../../src/core/envelope.ts";
import type { StoreRead, StoreWrite, WriteOutcome } from "../../src/core/store.ts";
import { AesGcmEnvelope } from "../../src/crypto/aes_gcm_envelope.ts";
import { KeyRing } from "../../src/crypto/key_ring.ts";
import { MemoryStore } from "../../src/store/memory_store.ts";
import { systemRandom } from "../../src/system.ts";
import { callWithin, createMemoryService, createService } from "../harness/cache_services.ts";
import { createEnvelope, keyOf, ringKeys } from "../harness/envelopes.ts";
import { createCopies, createLocal } from "../harness/locals.ts";
import { FakeClock } from "../support/fake_clock.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const MEBIBYTE = 1024 * 1024;
const request = { namespace: "n", key: "k" };
const value = Uint8Array.of(1, 2, 3);
const LEASE: Lease = { trusted: () => true, superseded: () => false };

/** A memory store that reports changes, so that its entries may be kept as copies. */
class LeasedStore extends MemoryStore {
  reads = 0;

  override async get(key: string): Promise<StoreRead> {
    this.reads++;
    return { ...await super.get(key), lease: LEASE };
  }

  override async write(write: StoreWrite): Promise<WriteOutcome> {
    const outcome = await super.write(write);
    return outcome.status === "written" ? { ...outcome, lease: LEASE } : outcome;
  }
}

/** An envelope of which the test decides when the work that it has done is told. */
class HeldEnvelope extends AesGcmEnvelope {
  opening: Promise<void> | undefined;
  sealing: Promise<void> | undefined;

  override async open(payload: Bytes, context: SealContext): Promise<Bytes> {
    const opened = await super.open(payload, context);
    await this.opening;
    return opened;
  }

  override async seal(plain: Bytes, context: SealContext): Promise<Bytes> {
    const sealed = await super.seal(plain, context);
    await this.sealing;
    return sealed;
  }
}

interface Rig {
  readonly service: CacheService;
  readonly store: LeasedStore;
  readonly local: Local;
  readonly clock: FakeClock;
  readonly envelope: HeldEnvelope;
  /** Replaces the ring's keys, each of them 32 bytes of one value. */
  readonly rotate: (...bytes: readonly number[]) => Promise<void>;
}

/** A service with a near cache and the key 1. */
async function rig(sealedNamespaces: readonly string[] = []): Promise<Rig> {
  const clock = new FakeClock();
  const store = new LeasedStore({ clock, maxBytes: 1e8, tombstoneTtlMs: 600_000 });
  const { copies } = createCopies({ clock });
  const local = createLocal(store, { clock, copies });
  const ring = new KeyRing(await ringKeys(keyOf(1)), () => copies.allChanged());
  const envelope = new HeldEnvelope({ ring, random: systemRandom, sealedNamespaces });
  const service = createService(store, { clock, local, envelope });
  const rotate = async (...bytes: readonly number[]): Promise<void> =>
    ring.replace(await ringKeys(...bytes.map(keyOf)));
  return { service, store, local, clock, envelope, rotate };
}

function seal({ service, clock }: Rig): Promise<unknown> {
  return service.set({ ...request, value, encrypt: true }, callWithin(clock));
}

async function read({ service, clock }: Rig): Promise<Uint8Array | undefined> {
  const answer = await service.get(request, callWithin(clock));
  return answer.found ? answer.value : undefined;
}

function plainEntry({ store }: Rig, options: Partial<Entry> = {}): Entry {
  const nowMs = store.time.nowMs();
  const stamp = { ms: nowMs, counter: 0, writer: 1 };
  return { flags: 0, stamp, expiresAtMs: nowMs + 60_000, payload: value, ...options };
}

Deno.test("a key that is added leaves the near copies, one that is removed clears them", async () => {
  const given = await rig();
  await seal(given);
  await given.rotate(2, 1);
  assert.deepEqual(await read(given), value);
  assert.equal(given.store.reads, 0);
  await given.rotate(2);
  await assert.rejects(read(given), { code: "decryption_failed" });
  assert.equal(given.store.reads, 1);
});

Deno.test("a read that began to open under a key removed meanwhile leaves no copy", async () => {
  const given = await rig();
  await seal(given);
  given.local.copies.drop("n:k");
  const { promise, resolve } = Promise.withResolvers<void>();
  given.envelope.opening = promise;
  const reading = read(given);
  // The read is opening when its key leaves the ring, and fills the near cache after that.
  await given.rotate(2);
  const later = assert.rejects(read(given), { code: "decryption_failed" });
  resolve();
  assert.deepEqual(await reading, value);
  await later;
  await assert.rejects(read(given), { code: "decryption_failed" });
});

Deno.test("a write that was sealed under a key removed meanwhile leaves no copy", async () => {
  const given = await rig();
  const { promise, resolve } = Promise.withResolvers<void>();
  given.envelope.sealing = promise;
  const writing = seal(given);
  // Nothing of the write is known to the near cache yet when the removal clears it.
  await given.rotate(2);
  resolve();
  await writing;
  await assert.rejects(read(given), { code: "decryption_failed" });
});

Deno.test("in a namespace that is always sealed, the caller is overruled", async () => {
  const given = await rig(["n"]);
  const { service, store, clock } = given;
  await service.set({ ...request, value, encrypt: false }, callWithin(clock));
  await service.batchSet({ namespace: "n", entries: new Map([["b", value]]) }, callWithin(clock));
  for (const key of ["n:k", "n:b"]) {
    const { entry } = await store.get(key);
    assert.equal(entry?.flags, FLAG_ENCRYPTED);
    assert.equal(entry.payload.length, value.length + SEAL_OVERHEAD_BYTES);
  }
  await service.set({ ...request, namespace: "other", value }, callWithin(clock));
  assert.deepEqual((await store.get("other:k")).entry?.payload, value);
});

Deno.test("in a namespace that is always sealed, an unsealed entry is refused", async () => {
  const given = await rig(["n"]);
  const { service, store, local, clock } = given;
  const put = (name: string, entry: Entry): Promise<unknown> =>
    store.write({ key: `n:${name}`, entry, mode: "ordinary", deadlineMs: Infinity });
  await service.set({ ...request, key: "sealed", value }, callWithin(clock));
  await put("k", plainEntry(given));
  await put("deleted", plainEntry(given, { flags: FLAG_TOMBSTONE, payload: new Uint8Array(0) }));
  await put("expired", plainEntry(given, { expiresAtMs: store.time.nowMs() - 1 }));
  local.journal.put([["n:owed", plainEntry(given)]]);

  await assert.rejects(read(given), { code: "entry_invalid" });
  const keys = ["k", "sealed", "deleted", "expired", "owed"];
  const batch = await service.batchGet({ namespace: "n", keys }, callWithin(clock));
  assert.deepEqual([...batch.errors], [["k", "entry_invalid"], ["owed", "entry_invalid"]]);
  assert.deepEqual([...batch.values], [["sealed", value]]);
  assert.deepEqual(batch.missingKeys, ["deleted", "expired"]);
  // Where they may be, unsealed entries are read as before.
  const open = await rig();
  await open.store.write({
    key: "n:k",
    entry: plainEntry(open),
    mode: "ordinary",
    deadlineMs: Infinity,
  });
  assert.deepEqual(await read(open), value);
});

Deno.test("a write owed to the store under a removed key is an error of its key alone", async () => {
  const given = await rig();
  const { service, store, local, clock } = given;
  await seal(given);
  await service.set({ ...request, key: "plain", value }, callWithin(clock));
  const { entry } = await store.get("n:k");
  assert(entry !== undefined);
  local.journal.put([["n:k", entry]]);
  const batch = { namespace: "n", keys: ["k", "plain"] };
  assert.equal((await service.batchGet(batch, callWithin(clock))).values.size, 2);
  await given.rotate(2);
  await assert.rejects(read(given), { code: "decryption_failed" });
  const after = await service.batchGet(batch, callWithin(clock));
  assert.deepEqual([...after.errors], [["k", "decryption_failed"]]);
  assert.deepEqual([...after.values.keys()], ["plain"]);
});

Deno.test("the largest batch comes back sealed, and the limit is about the values", async () => {
  const { envelope } = await createEnvelope([1], { sealedNamespaces: ["*"] });
  const { service, clock } = createMemoryService({ envelope });
  const entries = new Map(
    Array.from({ length: 8 }, (_, i) => [`${i}`, new Uint8Array(MEBIBYTE).fill(i)]),
  );
  const keys = [...entries.keys()];
  await service.batchSet({ namespace: "n", entries }, callWithin(clock));
  const batch = await service.batchGet({ namespace: "n", keys }, callWithin(clock));
  assert.deepEqual(batch.values, entries);

  await service.set({ ...request, value: Uint8Array.of(1) }, callWithin(clock));
  const tooMany = { namespace: "n", keys: [...keys, "k"] };
  await assert.rejects(service.batchGet(tooMany, callWithin(clock)), {
    code: "batch_too_large",
    message: /the 8388608 bytes of one batch/,
  });
  const large = new Uint8Array(MEBIBYTE);
  await service.set({ ...request, value: large }, callWithin(clock));
  await assert.rejects(service.batchGet(tooMany, callWithin(clock)), {
    code: "batch_too_large",
    message: /the 8388608 bytes of one batch/,
  });
});

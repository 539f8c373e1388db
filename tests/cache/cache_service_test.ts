import assert from "node:assert/strict";
import { FLAG_ENCRYPTED } from "../../src/core/entry.ts";
import { CacheError } from "../../src/core/errors.ts";
import { Lifecycle } from "../../src/core/lifecycle.ts";
import { DEFAULT_LIMITS } from "../../src/core/limits.ts";
import { OperationRecord } from "../../src/core/operation_record.ts";
import { RAISED_WRITER_BIT } from "../../src/core/stamp.ts";
import type { ReadResult, Store, StoreWrite, WriteOutcome } from "../../src/core/store.ts";
import { MemoryStore } from "../../src/store/memory_store.ts";
import { silentLogger, silentMeter } from "../harness/silent.ts";
import { callWithin, createMemoryService, createService } from "../harness/cache_services.ts";
import { createCopies, createLocal } from "../harness/locals.ts";
import { FakeClock } from "../support/fake_clock.ts";

const value = Uint8Array.of(1, 2, 3);
const request = { namespace: "n", key: "k" };

/** A memory store of which a test replaces what it wants to. */
class FaultyStore implements Store {
  readonly source = "redis";
  readonly timeoutMs = 3000;
  readonly inner: MemoryStore;
  readonly time;
  beforeWrite: (write: StoreWrite) => Promise<WriteOutcome | undefined> = () =>
    Promise.resolve(undefined);
  beforeRead: (key: string) => Promise<void> = () => Promise.resolve();

  constructor(clock: FakeClock) {
    this.inner = new MemoryStore({ clock, maxBytes: 1e8, tombstoneTtlMs: 600_000 });
    this.time = this.inner.time;
  }

  async get(key: string): ReturnType<Store["get"]> {
    await this.beforeRead(key);
    return await this.inner.get(key);
  }

  getMany(keys: readonly string[]): Promise<ReadResult[]> {
    return Promise.all(
      keys.map((key) =>
        this.get(key).catch((error) => error instanceof CacheError ? error : Promise.reject(error))
      ),
    );
  }

  async write(write: StoreWrite): Promise<WriteOutcome> {
    return await this.beforeWrite(write) ?? await this.inner.write(write);
  }

  scan(namespace: string): ReturnType<Store["scan"]> {
    return this.inner.scan(namespace);
  }

  status(): "connected" {
    return "connected";
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}

function faulty(): {
  service: ReturnType<typeof createService>;
  store: FaultyStore;
  clock: FakeClock;
} {
  const clock = new FakeClock();
  const store = new FaultyStore(clock);
  return { service: createService(store, { clock }), store, clock };
}

/** Stores the entry of `request` with a stamp of another process, 10 s ahead. */
async function writeAhead(store: Store): Promise<void> {
  const stamp = { ms: Math.floor(store.time.nowMs()) + 10_000, counter: 3, writer: 99 };
  await store.write({
    key: "n:k",
    entry: { flags: 0, stamp, expiresAtMs: stamp.ms + 60_000, payload: value },
    mode: "ordinary",
    deadlineMs: Infinity,
  });
}

Deno.test("a process's stamps rise above one that was raised for it", async () => {
  const { service, clock, store } = createMemoryService();
  await writeAhead(store);
  const raised = await service.set({ ...request, value }, callWithin(clock));
  const next = await service.set({ ...request, value }, callWithin(clock));
  const writerOf = (version: string): number => Number.parseInt(version.slice(16), 16);
  assert(writerOf(raised.version) >= RAISED_WRITER_BIT);
  assert(writerOf(next.version) < RAISED_WRITER_BIT, "the second was raised as well");
  assert(next.version > raised.version);
});

Deno.test("a process's stamps rise above one that it has read, of whatever key", async () => {
  const { service, clock, store } = createMemoryService();
  await writeAhead(store);
  const read = await service.get(request, callWithin(clock));
  assert(read.found);
  const other = await service.set({ namespace: "n", key: "other", value }, callWithin(clock));
  assert(other.version > read.version);
});

Deno.test("the seconds left are never more than were asked for, as time is known no better", async () => {
  const { service, store, clock } = faulty();
  const time = { backMs: 0 };
  Object.assign(store, {
    time: { nowMs: () => store.inner.time.nowMs() - time.backMs, uncertaintyMs: () => 20 },
  });
  await service.set({ ...request, value, ttlSeconds: 5 }, callWithin(clock));
  time.backMs = 15;
  const read = await service.get(request, callWithin(clock));
  assert.equal(read.found && read.ttlSeconds, 5);
});

Deno.test("nothing of a batch is stored when one of its entries is bad", async () => {
  const { service, clock, store } = createMemoryService();
  const bad: readonly [string, Map<string, Uint8Array<ArrayBuffer>>, number | undefined][] = [
    ["invalid_key", new Map([["good", value], ["", value]]), undefined],
    ["value_too_large", new Map([["good", value], ["big", new Uint8Array(1024 * 1024 + 1)]]), 1],
    ["invalid_ttl", new Map([["good", value]]), -1],
    ["batch_too_large", new Map(Array.from({ length: 1001 }, (_, i) => [`${i}`, value])), 1],
    [
      "batch_too_large",
      new Map(Array.from({ length: 9 }, (_, i) => [`${i}`, new Uint8Array(1024 * 1024)])),
      1,
    ],
  ];
  for (const [code, entries, ttlSeconds] of bad) {
    const batch = { namespace: "n", entries, ...(ttlSeconds === undefined ? {} : { ttlSeconds }) };
    await assert.rejects(service.batchSet(batch, callWithin(clock)), { code });
    for (const key of entries.keys()) {
      assert.equal((await store.get(`n:${key}`)).entry, undefined);
    }
  }
});

Deno.test("a batch answer over the limit is refused", async () => {
  const { service, clock } = createMemoryService();
  const keys = Array.from({ length: 9 }, (_, i) => `${i}`);
  for (const key of keys) {
    await service.set(
      { namespace: "n", key, value: new Uint8Array(1024 * 1024) },
      callWithin(clock),
    );
  }
  await assert.rejects(service.batchGet({ namespace: "n", keys }, callWithin(clock)), {
    code: "batch_too_large",
  });
  const most = await service.batchGet({ namespace: "n", keys: keys.slice(1) }, callWithin(clock));
  assert.equal(most.values.size, 8);
});

Deno.test("a batch of which the store takes a part says how much", async () => {
  const { service, store, clock } = faulty();
  store.beforeWrite = ({ key }) =>
    Promise.resolve(
      key.endsWith("bad")
        ? {
          status: "failed",
          error: new CacheError("redis_unavailable", "away"),
          landsUntilMs: -Infinity,
        }
        : undefined,
    );
  const entries = new Map([["a", value], ["bad", value], ["c", value]]);
  assert.deepEqual(await service.batchSet({ namespace: "n", entries }, callWithin(clock)), {
    success: false,
    storedCount: 2,
    degraded: true,
  });
  const none = new Map([["bad", value]]);
  await assert.rejects(service.batchSet({ namespace: "n", entries: none }, callWithin(clock)), {
    code: "redis_unavailable",
  });
});

Deno.test("a key that cannot be read is an error of the batch, not a miss", async () => {
  const { service, store, clock } = faulty();
  store.beforeRead = (key) =>
    key.endsWith("bad")
      ? Promise.reject(new CacheError("entry_invalid", "damaged"))
      : Promise.resolve();
  await service.set({ ...request, value }, callWithin(clock));
  const batch = await service.batchGet(
    { namespace: "n", keys: ["k", "bad", "none"] },
    callWithin(clock),
  );
  assert.deepEqual([...batch.errors], [["bad", "entry_invalid"]]);
  assert.deepEqual(batch.missingKeys, ["none"]);
  assert.equal(batch.degraded, false);
});

Deno.test("a sealed entry without a key to open it is decryption_failed", async () => {
  const { service, clock, store } = createMemoryService();
  const stamp = { ms: Math.floor(store.time.nowMs()), counter: 0, writer: 1 };
  await store.write({
    key: "n:k",
    entry: { flags: FLAG_ENCRYPTED, stamp, expiresAtMs: stamp.ms + 60_000, payload: value },
    mode: "ordinary",
    deadlineMs: Infinity,
  });
  await assert.rejects(service.get(request, callWithin(clock)), { code: "decryption_failed" });
  const batch = await service.batchGet({ namespace: "n", keys: ["k"] }, callWithin(clock));
  assert.deepEqual([...batch.errors], [["k", "decryption_failed"]]);
  await assert.rejects(service.set({ ...request, value, encrypt: true }, callWithin(clock)), {
    code: "encryption_unavailable",
  });
});

Deno.test("a call past its deadline does not touch the store", async () => {
  const { service, store, clock } = faulty();
  let touched = 0;
  store.beforeRead = () => Promise.resolve(void touched++);
  store.beforeWrite = () => Promise.resolve(void touched++);
  const late = callWithin(clock, 0);
  await assert.rejects(service.get(request, late), { code: "deadline_exceeded" });
  await assert.rejects(service.set({ ...request, value }, late), { code: "deadline_exceeded" });
  await assert.rejects(service.delete(request, late), { code: "deadline_exceeded" });
  const batch = { namespace: "n", keys: ["a", "b"] };
  await assert.rejects(service.batchGet(batch, late), { code: "deadline_exceeded" });
  assert.equal(touched, 0);
});

Deno.test("a write that came too late is told by whose time was over", async () => {
  const { service, store, clock } = faulty();
  store.beforeWrite = () => Promise.resolve({ status: "late" });
  await assert.rejects(service.set({ ...request, value }, callWithin(clock)), {
    code: "redis_unavailable",
  });
  store.beforeWrite = () => {
    clock.advanceSync(50);
    return Promise.resolve({ status: "late" });
  };
  await assert.rejects(service.set({ ...request, value }, callWithin(clock, 50)), {
    code: "deadline_exceeded",
  });
});

Deno.test("health is unhealthy only while draining", () => {
  const lifecycle = new Lifecycle();
  const { service } = createMemoryService({ lifecycle });
  assert.deepEqual(service.health(), {
    healthy: true,
    redisStatus: "disabled",
    brokerStatus: "disabled",
    localCacheEnabled: false,
    localCacheMode: undefined,
    degraded: false,
  });
  lifecycle.enter("draining");
  assert.equal(service.health().healthy, false);
});

Deno.test("limits are the service's own", async () => {
  const limits = { ...DEFAULT_LIMITS, maxKeyBytes: 3, maxValueBytes: 2, maxBatchKeys: 1 };
  const { service, clock } = createMemoryService({ limits });
  const set = (key: string, bytes: number): Promise<unknown> =>
    service.set({ namespace: "n", key, value: new Uint8Array(bytes) }, callWithin(clock));
  await set("abc", 2);
  await assert.rejects(set("abcd", 2), { code: "invalid_key" });
  await assert.rejects(set("abc", 3), { code: "value_too_large" });
  await assert.rejects(
    service.batchGet({ namespace: "n", keys: ["a", "b"] }, callWithin(clock)),
    { code: "batch_too_large" },
  );
});

Deno.test("a denied call is logged with who asked for what, without the key, and counted", async () => {
  const denials: unknown[] = [];
  const reasons: string[] = [];
  const { service, clock } = createMemoryService({
    logger: { ...silentLogger, warn: (_, fields) => void denials.push(fields) },
    meter: { ...silentMeter, authFailure: (reason) => void reasons.push(reason) },
  });
  const principal = {
    subject: "team-a",
    namespaces: new Set(["a"]),
    scopes: new Set(["cache:read"]),
  };
  const record = new OperationRecord("get", { correlationId: "id-1", startedAtMs: 0 });
  const call = { ...callWithin(clock), principal, record };
  const batch = service.batchGet({ namespace: "b", keys: ["secret-key"] }, call);
  await assert.rejects(batch, { code: "forbidden" });
  await assert.rejects(service.delete({ namespace: "a", key: "k" }, call), { code: "forbidden" });
  assert.deepEqual(denials, [{
    correlation_id: "id-1",
    subject: "team-a",
    namespace: "b",
    operation: "batch_get",
    reason: "The token does not name this namespace.",
  }, {
    correlation_id: "id-1",
    subject: "team-a",
    namespace: "a",
    operation: "delete",
    reason: "The token's scopes do not include cache:write.",
  }]);
  assert.deepEqual(reasons, ["forbidden", "forbidden"]);
});

Deno.test("until the store has answered once no write is taken, not even for the journal", async () => {
  const clock = new FakeClock();
  const store = new FaultyStore(clock);
  Object.assign(store, { time: { nowMs: () => NaN, uncertaintyMs: () => Infinity } });
  const error = new CacheError("redis_unavailable", "Redis has not answered.");
  store.beforeWrite = () => Promise.resolve({ status: "failed", error, landsUntilMs: -Infinity });
  const local = createLocal(store, { clock, ...createCopies({ clock }) });
  const service = createService(store, { clock, local });
  const refused = { code: "redis_unavailable" };
  await assert.rejects(service.delete(request, callWithin(clock)), refused);
  await assert.rejects(service.set({ ...request, value }, callWithin(clock)), refused);
  assert.equal(local.journal.size, 0);
});

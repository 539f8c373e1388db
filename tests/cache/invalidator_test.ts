import assert from "node:assert/strict";
import type { CacheService } from "../../src/cache/cache_service.ts";
import { Invalidator } from "../../src/cache/invalidator.ts";
import type { Ticket } from "../../src/cache/copies.ts";
import type { Local } from "../../src/cache/local.ts";
import type { InvalidationEvent } from "../../src/core/bus.ts";
import type { Envelope } from "../../src/core/envelope.ts";
import { CacheError } from "../../src/core/errors.ts";
import { DEFAULT_LIMITS } from "../../src/core/limits.ts";
import type { StoreWrite, WriteOutcome } from "../../src/core/store.ts";
import { MemoryStore } from "../../src/store/memory_store.ts";
import { callWithin, createService } from "../harness/cache_services.ts";
import { createEnvelope, withoutKeys } from "../harness/envelopes.ts";
import { createCopies, createLocal } from "../harness/locals.ts";
import { silentMeter } from "../harness/silent.ts";
import { FakeClock } from "../support/fake_clock.ts";

const TOMBSTONE_TTL_MS = 600_000;
const one = Uint8Array.of(1);
const two = Uint8Array.of(2);

/** A memory store that counts its writes, and fails those it is told to. */
class WatchedStore extends MemoryStore {
  writes = 0;
  fails: (write: StoreWrite) => boolean = () => false;

  override write(write: StoreWrite): Promise<WriteOutcome> {
    this.writes++;
    if (!this.fails(write)) return super.write(write);
    const error = new CacheError("redis_unavailable", "away");
    return Promise.resolve({ status: "failed", error, landsUntilMs: -Infinity });
  }
}

interface Fixture {
  readonly clock: FakeClock;
  readonly store: WatchedStore;
  readonly copies: Local["copies"];
  readonly service: CacheService;
  readonly invalidator: Invalidator;
  readonly counted: string[];
  readonly lags: number[];
  /** The value that a read gives. */
  get(key: string, namespace?: string): Promise<number[] | undefined>;
}

/** A service and an invalidator over one store. */
function fixture(options: { readonly envelope?: Envelope } = {}): Fixture {
  const clock = new FakeClock();
  const store = new WatchedStore({ clock, maxBytes: 1e8, tombstoneTtlMs: TOMBSTONE_TTL_MS });
  const { copies } = createCopies({ clock });
  const envelope = options.envelope ?? withoutKeys;
  const local = createLocal(store, { clock, copies });
  const service = createService(store, { clock, local, envelope });
  const counted: string[] = [];
  const lags: number[] = [];
  const invalidator = new Invalidator({
    store,
    envelope,
    copies,
    limits: DEFAULT_LIMITS,
    clock,
    meter: {
      ...silentMeter,
      invalidationEvent: (action, outcome) => void counted.push(`${action} ${outcome}`),
      invalidationLag: (seconds) => void lags.push(seconds),
    },
  });
  const get = async (key: string, namespace = "n"): Promise<number[] | undefined> => {
    const read = await service.get({ namespace, key }, callWithin(clock));
    return read.found ? [...read.value] : undefined;
  };
  return { clock, store, copies, service, invalidator, counted, lags, get };
}

function event(changes: Partial<InvalidationEvent> & { readonly atMs: number }): InvalidationEvent {
  return {
    namespace: "n",
    keys: ["k"],
    action: "delete",
    values: new Map(),
    ttlSeconds: undefined,
    ...changes,
  };
}

Deno.test("a delete and an update without values remove exactly their keys", async () => {
  for (const action of ["delete", "update"] as const) {
    const { clock, service, invalidator, get } = fixture();
    for (const namespace of ["n", "m"]) {
      for (const key of ["a", "b", "c"]) {
        await service.set({ namespace, key, value: one }, callWithin(clock));
      }
    }
    await invalidator.apply(event({ atMs: clock.wallMs(), keys: ["a", "c"], action }));
    assert.deepEqual(await Promise.all(["a", "b", "c"].map((key) => get(key))), [
      undefined,
      [1],
      undefined,
    ]);
    assert.deepEqual(await get("a", "m"), [1]);
  }
});

Deno.test("an update with values writes them, for their time to live from the event on", async () => {
  const { clock, invalidator, get } = fixture();
  const values = new Map([["k", two]]);
  const atMs = clock.wallMs() - 4000;
  await invalidator.apply(event({ atMs, action: "update", values, ttlSeconds: 5 }));
  assert.deepEqual(await get("k"), [2]);
  await clock.advance(1100);
  assert.equal(await get("k"), undefined);
});

Deno.test("events are ordered by their time, in whatever order they come, and coming again changes nothing", async () => {
  const { clock, invalidator, get } = fixture();
  const base = clock.wallMs();
  const events = [one, two, undefined, Uint8Array.of(4)].map((value, i) =>
    event({
      atMs: base + i,
      action: "update",
      values: new Map(value === undefined ? [] : [["k", value]]),
    })
  );
  for (const order of [[0, 1, 2, 3], [3, 2, 1, 0], [3, 0, 3, 2, 1, 1, 3]]) {
    for (const i of order) {
      const next = events[i];
      // A delete always removes: a needless miss is harmless.
      if (next !== undefined && i !== 2) await invalidator.apply(next);
    }
    assert.deepEqual(await get("k"), [4], order.join());
  }
});

Deno.test("of two values of one moment neither stands", async () => {
  const { clock, invalidator, get } = fixture();
  const atMs = clock.wallMs();
  for (const value of [one, two, one]) {
    await invalidator.apply(event({ atMs, action: "update", values: new Map([["k", value]]) }));
  }
  assert.equal(await get("k"), undefined);
});

Deno.test("a value of an always sealed namespace is sealed, and coming again it stands", async () => {
  const { envelope } = await createEnvelope([1], { sealedNamespaces: ["n"] });
  const { clock, store, invalidator, get } = fixture({ envelope });
  const update = event({
    atMs: clock.wallMs(),
    action: "update",
    values: new Map([["k", two]]),
  });
  await invalidator.apply(update);
  const { entry } = await store.get("n:k");
  assert.equal(entry?.flags, 1);
  assert(entry.payload.length > two.length);
  await invalidator.apply(update);
  assert.deepEqual(await get("k"), [2]);
  await invalidator.apply({ ...update, values: new Map([["k", one]]) });
  assert.equal(await get("k"), undefined);
});

Deno.test("a copy and a load under way are of no use after the event", async () => {
  const { clock, service, copies, invalidator, get } = fixture();
  await service.set({ namespace: "n", key: "k", value: one }, callWithin(clock));
  const ticket = copies.read("n:k");
  await invalidator.apply(event({ atMs: clock.wallMs() + 1000 }));
  assert.equal(copies.isNewest(ticket), false);
  copies.done(ticket);
  assert.equal(copies.held("n:k", clock.wallMs()), undefined);
  assert.equal(await get("k"), undefined);
});

Deno.test("a load that was sent during the event is of no use either", async () => {
  const { clock, store, copies, invalidator } = fixture();
  // As if the write were sent a second time, which puts the read before it.
  let ticket: Ticket | undefined;
  store.fails = ({ key }) => {
    ticket = copies.read(key);
    return false;
  };
  await invalidator.apply(event({ atMs: clock.wallMs() }));
  assert(ticket !== undefined);
  assert.equal(copies.isNewest(ticket), false);
  copies.done(ticket);
});

Deno.test("while the store is away an event is refused, and done in full when it comes again", async () => {
  const { clock, store, service, invalidator, counted, lags, get } = fixture();
  const keys = Array.from({ length: 300 }, (_, i) => `k${i}`);
  for (const key of keys) {
    await service.set({ namespace: "n", key, value: one }, callWithin(clock));
  }
  const removal = event({ atMs: clock.wallMs(), keys });
  store.fails = ({ key }) => key === "n:k200";
  await assert.rejects(invalidator.apply(removal), { code: "redis_unavailable" });
  assert.deepEqual(counted, []);
  store.fails = () => false;
  await clock.advance(2500);
  await invalidator.apply(removal);
  assert.deepEqual(await Promise.all(keys.map((key) => get(key))), keys.map(() => undefined));
  assert.deepEqual(counted, ["delete applied"]);
  assert.deepEqual(lags, [2.5]);
});

Deno.test("a time far ahead brings no value, so that coming again it undoes no write", async () => {
  const { clock, service, invalidator, get } = fixture();
  const update = event({
    atMs: clock.wallMs() + 86_400_000,
    action: "update",
    values: new Map([["k", one]]),
  });
  await invalidator.apply(update);
  assert.equal(await get("k"), undefined);
  await service.set({ namespace: "n", key: "k", value: two }, callWithin(clock));
  await clock.advance(5000);
  await invalidator.apply(update);
  assert.equal(await get("k"), undefined);
});

Deno.test("a key that is refused keeps no other key of its event from being done", async () => {
  const { clock, store, service, invalidator, get } = fixture({ envelope: withoutKeys });
  const keys = Array.from({ length: 300 }, (_, i) => `k${i}`);
  for (const key of keys) {
    await service.set({ namespace: "n", key, value: one }, callWithin(clock));
  }
  store.fails = ({ key }) => {
    if (key === "n:k1") throw new CacheError("internal", "refused");
    return key === "n:k2";
  };
  const removal = event({ atMs: clock.wallMs(), keys });
  await assert.rejects(invalidator.apply(removal), { code: "redis_unavailable" });
  assert.equal(await get("k299"), undefined);
  store.fails = ({ key }) => {
    if (key === "n:k1") throw new CacheError("internal", "refused");
    return false;
  };
  await assert.rejects(invalidator.apply(removal), { code: "internal" });
  assert.equal(await get("k2"), undefined);
});

Deno.test("a time far ahead counts as a minute ahead", async () => {
  const { clock, store, invalidator } = fixture();
  await invalidator.apply(event({ atMs: clock.wallMs() + 1e10 }));
  const { entry } = await store.get("n:k");
  assert.equal(entry?.stamp.ms, clock.wallMs() + 60_000);
});

Deno.test("a value older than deletes are remembered is not brought back", async () => {
  const { clock, invalidator, get } = fixture();
  const atMs = clock.wallMs() - TOMBSTONE_TTL_MS - 1;
  const values = new Map([["k", one]]);
  await invalidator.apply(event({ atMs, action: "update", values, ttlSeconds: 86_400 }));
  assert.equal(await get("k"), undefined);
});

Deno.test("to drop is to forget copies, and to write nothing", async () => {
  const { clock, store, service, copies, invalidator } = fixture();
  await service.set({ namespace: "n", key: "k", value: one }, callWithin(clock));
  const { writes } = store;
  await invalidator.drop(event({ atMs: clock.wallMs() }));
  assert.equal(store.writes, writes);
  assert.equal(copies.held("n:k", clock.wallMs()), undefined);
});

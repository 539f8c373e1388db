import assert from "node:assert/strict";
import type { CacheService } from "../../src/cache/cache_service.ts";
import type { RewrapProgress, RewrapRun } from "../../src/cache/rewrap.ts";
import { decodeEntry, encodeEntry, type Entry, FLAG_ENCRYPTED } from "../../src/core/entry.ts";
import { CacheError } from "../../src/core/errors.ts";
import { Lifecycle } from "../../src/core/lifecycle.ts";
import type { StoreRead, StoreWrite, WriteOutcome } from "../../src/core/store.ts";
import type { LogFields } from "../../src/core/telemetry.ts";
import { MemoryStore } from "../../src/store/memory_store.ts";
import { callWithin, createService } from "../harness/cache_services.ts";
import { MarkedEnvelope } from "../harness/marked_envelope.ts";
import { silentLogger } from "../harness/silent.ts";
import { FakeClock } from "../support/fake_clock.ts";

const OLD = 1;
const NEW = 2;
const value = Uint8Array.of(7, 8, 9);
const NOTHING: RewrapProgress = {
  scanned: 0,
  rewrapped: 0,
  current: 0,
  plain: 0,
  invalid: 0,
  failed: 0,
  superseded: 0,
};

/** A memory store of which a test may hold up or fail single calls. */
class TestStore extends MemoryStore {
  readonly pages: number[] = [];
  beforeGet: (key: string) => Promise<void> = () => Promise.resolve();
  beforeRewrap: (write: StoreWrite) => Promise<WriteOutcome | void> = () => Promise.resolve();
  beforePage: (page: number) => void = () => {};

  override async get(key: string): Promise<StoreRead> {
    await this.beforeGet(key);
    return await super.get(key);
  }

  override async write(write: StoreWrite): Promise<WriteOutcome> {
    const outcome = write.mode === "rewrap" ? await this.beforeRewrap(write) : undefined;
    return outcome ?? await super.write(write);
  }

  override async *scan(namespace: string): AsyncGenerator<readonly string[]> {
    for await (const page of super.scan(namespace)) {
      this.beforePage(this.pages.length);
      this.pages.push(page.length);
      yield page;
    }
  }
}

interface Fixture {
  readonly clock: FakeClock;
  readonly store: TestStore;
  readonly envelope: MarkedEnvelope;
  readonly lifecycle: Lifecycle;
  readonly service: CacheService;
  readonly log: { readonly message: string; readonly fields: LogFields | undefined }[];
  set(key: string, options?: { readonly encrypt?: boolean }): Promise<void>;
  delete(key: string): Promise<void>;
  get(key: string): Promise<readonly number[] | undefined>;
  stored(key: string): Promise<Entry>;
  start(): Promise<RewrapRun>;
}

function fixture(envelope = new MarkedEnvelope([OLD])): Fixture {
  const clock = new FakeClock();
  const store = new TestStore({ clock, maxBytes: 1e8, tombstoneTtlMs: 600_000 });
  const lifecycle = new Lifecycle();
  const log: Fixture["log"] = [];
  const tell = (message: string, fields?: LogFields): void => void log.push({ message, fields });
  const logger = { ...silentLogger, info: tell, warn: tell };
  const service = createService(store, { clock, envelope, lifecycle, logger });
  const call = () => callWithin(clock);
  return {
    clock,
    store,
    envelope,
    lifecycle,
    service,
    log,
    async set(key, { encrypt = true } = {}): Promise<void> {
      await service.set({ namespace: "n", key, value, encrypt }, call());
    },
    async delete(key): Promise<void> {
      await service.delete({ namespace: "n", key }, call());
    },
    async get(key): Promise<readonly number[] | undefined> {
      const read = await service.get({ namespace: "n", key }, call());
      return read.found ? [...read.value] : undefined;
    },
    async stored(key): Promise<Entry> {
      const { entry } = await store.get(`n:${key}`);
      assert(entry !== undefined);
      return entry;
    },
    start: () => service.rewrap("n", call()),
  };
}

/** Lets time go on until the run has ended; rejects as it does. */
async function ended(run: RewrapRun, clock: FakeClock): Promise<RewrapProgress> {
  let isOver = false;
  const over = (): void => void (isOver = true);
  run.done.then(over, over);
  while (!isOver) await clock.advance(1000);
  await run.done;
  return run.progress();
}

const away = () => new CacheError("redis_unavailable", "It is away.");

Deno.test("rewrap seals what an older key sealed, and leaves all else as it is", async () => {
  const { envelope, clock, store, ...world } = fixture();
  await world.set("old");
  await world.set("é:old");
  await world.set("plain", { encrypt: false });
  await world.set("deleted");
  await world.delete("deleted");
  await world.service.set(
    { namespace: "n", key: "expired", value, ttlSeconds: 1, encrypt: true },
    callWithin(clock),
  );
  await world.service.set({ namespace: "n2", key: "old", value, encrypt: true }, callWithin(clock));
  await clock.advance(1500);
  envelope.keys.unshift(NEW);
  await world.set("current");
  envelope.keys[0] = 3;
  await world.set("foreign");
  envelope.keys[0] = NEW;
  const before = await world.stored("old");

  const progress = await ended(await world.start(), clock);
  assert.deepEqual(progress, {
    ...NOTHING,
    scanned: 7,
    rewrapped: 2,
    current: 1,
    plain: 1,
    failed: 1,
  });
  const after = await world.stored("old");
  assert.equal(after.payload[0], NEW);
  assert.deepEqual({ ...after, payload: before.payload }, before);
  assert.deepEqual(await world.get("old"), [...value]);
  assert.deepEqual(await world.get("é:old"), [...value]);
  assert.equal((await store.get("n2:old")).entry?.payload[0], OLD);
  assert.deepEqual(await ended(await world.start(), clock), {
    ...NOTHING,
    scanned: 6,
    current: 3,
    plain: 1,
    failed: 1,
  });
});

Deno.test("what was moved to another key is counted as failed, and the log names no key", async () => {
  const { envelope, clock, store, log, ...world } = fixture();
  await world.set("secret-key");
  const entry = await world.stored("secret-key");
  for (const key of ["n:secret-1", "n:secret-2"]) {
    await store.write({ key, entry, mode: "ordinary", deadlineMs: clock.monotonicMs() + 1000 });
  }
  envelope.keys.unshift(NEW);
  const progress = await ended(await world.start(), clock);
  assert.deepEqual(progress, { ...NOTHING, scanned: 3, rewrapped: 1, failed: 2 });
  assert.deepEqual(log.map(({ message }) => message), [
    "A rewrap began.",
    "Entries cannot be rewrapped.",
    "A rewrap ended.",
  ]);
  assert.equal(JSON.stringify(log).includes("secret"), false);
  assert.deepEqual(log.at(-1)?.fields, {
    correlation_id: "test",
    subject: "anonymous",
    namespace: "n",
    ...progress,
  });
});

Deno.test("an unsealed entry of an always sealed namespace, and one that is none, are invalid", async () => {
  const { clock, store, ...world } = fixture(new MarkedEnvelope([NEW], ["n"]));
  const plain: Entry = {
    flags: 0,
    stamp: { ms: 1, counter: 0, writer: 1 },
    expiresAtMs: clock.wallMs() + 60_000,
    payload: value,
  };
  const damaged = decodeEntry(encodeEntry(plain).subarray(1));
  assert(damaged instanceof CacheError);
  await world.set("good");
  for (const key of ["n:plain", "n:damaged"]) {
    await store.write({
      key,
      entry: plain,
      mode: "ordinary",
      deadlineMs: clock.monotonicMs() + 1000,
    });
  }
  store.beforeGet = (key) => key === "n:damaged" ? Promise.reject(damaged) : Promise.resolve();
  const progress = await ended(await world.start(), clock);
  assert.deepEqual(progress, { ...NOTHING, scanned: 3, current: 1, invalid: 2 });
});

for (const other of ["set", "delete"] as const) {
  Deno.test(`a ${other} between reading and writing an entry stands`, async () => {
    const { envelope, clock, store, ...world } = fixture();
    await world.set("k");
    envelope.keys.unshift(NEW);
    store.beforeRewrap = async () => await world[other]("k");
    const progress = await ended(await world.start(), clock);
    assert.deepEqual(progress, { ...NOTHING, scanned: 1, superseded: 1 });
    const stands = other === "set" ? [...value] : undefined;
    assert.deepEqual(await world.get("k"), stands);
    assert.equal((await world.stored("k")).flags, other === "set" ? FLAG_ENCRYPTED : 4);
  });

  Deno.test(`a ${other} after an entry was rewrapped stands`, async () => {
    const { envelope, clock, ...world } = fixture();
    await world.set("k");
    envelope.keys.unshift(NEW);
    const progress = await ended(await world.start(), clock);
    assert.deepEqual(progress, { ...NOTHING, scanned: 1, rewrapped: 1 });
    await world[other]("k");
    assert.deepEqual(await world.get("k"), other === "set" ? [...value] : undefined);
  });

  Deno.test(`a ${other} before an entry is read is what rewrap meets`, async () => {
    const { envelope, clock, store, ...world } = fixture();
    await world.set("k");
    envelope.keys.unshift(NEW);
    store.beforeGet = async () => {
      store.beforeGet = () => Promise.resolve();
      await world[other]("k");
    };
    const progress = await ended(await world.start(), clock);
    const met = other === "set" ? { current: 1 } : {};
    assert.deepEqual(progress, { ...NOTHING, scanned: 1, ...met });
  });
}

Deno.test("a handful of entries are under way at a time, and requests have turns in between", async () => {
  const { envelope, clock, store, ...world } = fixture();
  for (let i = 0; i < 1200; i++) await world.set(`k${i}`);
  envelope.keys.unshift(NEW);
  let underWay = 0;
  let most = 0;
  store.beforeRewrap = async () => {
    most = Math.max(most, ++underWay);
    await new Promise<void>((resolve) => void clock.setTimer(resolve, 1));
    underWay--;
  };
  const progress = await ended(await world.start(), clock);
  assert.deepEqual(progress, { ...NOTHING, scanned: 1200, rewrapped: 1200 });
  assert.equal(most, 16);
  assert.equal(store.pages.length, 3);
});

Deno.test("one runs at a time, and the next may start when it has ended", async () => {
  const { envelope, clock, ...world } = fixture();
  await world.set("k");
  envelope.keys.unshift(NEW);
  const first = await world.start();
  await assert.rejects(world.start(), { code: "overloaded", retryAfterSeconds: 10 });
  await ended(first, clock);
  assert.equal((await ended(await world.start(), clock)).current, 1);
});

Deno.test("without a key nothing is begun, and the next may start", async () => {
  const { envelope, clock, store, ...world } = fixture();
  await world.set("k");
  envelope.keys.length = 0;
  await assert.rejects(world.start(), { code: "encryption_unavailable" });
  assert.deepEqual(store.pages, []);
  envelope.keys.push(NEW, OLD);
  assert.equal((await ended(await world.start(), clock)).rewrapped, 1);
});

Deno.test("an outage is waited out, wherever it is met, and nothing is left over", async () => {
  const { envelope, clock, store, ...world } = fixture();
  for (let i = 0; i < 1200; i++) await world.set(`k${i}`);
  envelope.keys.unshift(NEW);
  let failures = 0;
  const failing = (key: string): boolean => key.endsWith("7") && failures++ % 3 !== 0;
  store.beforeGet = (key) => failing(key) ? Promise.reject(away()) : Promise.resolve();
  store.beforeRewrap = ({ key }) => {
    if (!key.endsWith("5") || failures++ % 3 === 0) return Promise.resolve();
    const [late, failed] = [
      { status: "late" } as const,
      {
        status: "failed",
        error: away(),
        landsUntilMs: 0,
      } as const,
    ];
    return Promise.resolve(failures % 2 === 0 ? late : failed);
  };
  store.beforePage = (page) => {
    if (page === 1) {
      store.pages.push(0);
      throw away();
    }
  };
  const progress = await ended(await world.start(), clock);
  assert.equal(progress.rewrapped, 1200);
  assert.equal(progress.current, 500, "the scan began anew");
  store.beforeGet = () => Promise.resolve();
  for (let i = 0; i < 1200; i++) assert.equal((await store.get(`n:k${i}`)).entry?.payload[0], NEW);
});

Deno.test("an outage without end ends it, and what was done stays done", async () => {
  const { envelope, clock, store, ...world } = fixture();
  await world.set("first");
  for (let i = 0; i < 40; i++) await world.set(`k${i}`);
  envelope.keys.unshift(NEW);
  let gets = 0;
  store.beforeGet = (key) => {
    gets++;
    return key === "n:first" ? Promise.resolve() : Promise.reject(away());
  };
  const run = await world.start();
  const startedMs = clock.monotonicMs();
  await assert.rejects(ended(run, clock), { code: "redis_unavailable" });
  assert.deepEqual(run.progress(), { ...NOTHING, scanned: 1, rewrapped: 1 });
  assert(clock.monotonicMs() - startedMs < 40_000);
  assert(gets <= 1 + 16 * 30, `${gets} reads`);
  store.beforeGet = () => Promise.resolve();
  assert.equal((await ended(await world.start(), clock)).rewrapped, 40);
});

for (const by of ["cancel", "drain"] as const) {
  Deno.test(`a ${by} ends it after what is under way`, async () => {
    const { envelope, clock, store, lifecycle, log, ...world } = fixture();
    for (let i = 0; i < 1000; i++) await world.set(`k${i}`);
    lifecycle.enter("serving");
    envelope.keys.unshift(NEW);
    const run = await world.start();
    store.beforeRewrap = () => {
      if (run.progress().rewrapped < 100) return Promise.resolve();
      if (by === "drain") lifecycle.enter("draining");
      else run.cancel(new CacheError("deadline_exceeded", "The client went away."));
      return Promise.resolve();
    };
    const code = by === "drain" ? "overloaded" : "deadline_exceeded";
    await assert.rejects(ended(run, clock), { code });
    const { rewrapped } = run.progress();
    assert(rewrapped >= 100 && rewrapped <= 100 + 2 * 16, `${rewrapped}`);
    assert.equal(log.at(-1)?.fields?.code, code);
    if (by === "drain") await assert.rejects(world.start(), { code: "overloaded" });
  });
}

Deno.test("it takes the scope cache:admin and the namespace", async () => {
  const { clock, service } = fixture();
  const call = (scopes: string[], namespaces: string[]) => ({
    ...callWithin(clock),
    principal: {
      subject: "s",
      scopes: new Set(scopes),
      namespaces: new Set(namespaces),
    },
  });
  const denied = { code: "forbidden" };
  await assert.rejects(service.rewrap("n", call(["cache:read", "cache:write"], ["n"])), denied);
  await assert.rejects(service.rewrap("n", call(["cache:admin"], ["m"])), denied);
  await assert.rejects(service.rewrap("n:", call(["cache:admin"], ["*"])), {
    code: "invalid_namespace",
  });
  assert.deepEqual(await ended(await service.rewrap("n", call(["cache:admin"], ["n"])), clock), {
    ...NOTHING,
  });
});

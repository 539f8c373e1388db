// Requirements 7.4, 10.1 to 10.4: whatever order replies are handled in, no copy is older than what
// this process knows, and one load serves all who ask for a key at once.
import assert from "node:assert/strict";
import type { CacheService } from "../../src/cache/cache_service.ts";
import type { Call } from "../../src/cache/call.ts";
import type { Local } from "../../src/cache/local.ts";
import { type Lease, NO_LEASE } from "../../src/core/coherence.ts";
import type { Entry } from "../../src/core/entry.ts";
import { CacheError } from "../../src/core/errors.ts";
import { storeKey } from "../../src/core/key.ts";
import type {
  ReadResult,
  Store,
  StoreRead,
  StoreWrite,
  WriteOutcome,
} from "../../src/core/store.ts";
import { callWithin, createService } from "../harness/cache_services.ts";
import { createCopies, createLocal } from "../harness/locals.ts";
import { FakeClock } from "../support/fake_clock.ts";

const request = { namespace: "n", key: "k" };
const KEY = storeKey("n", "k");
const LEASE: Lease = { trusted: () => true, superseded: () => false };

/** A store that answers a command when the test says so. */
class HeldStore implements Store {
  readonly source = "redis";
  readonly timeoutMs = 3000;
  readonly time;
  readonly reads: PromiseWithResolvers<StoreRead>[] = [];
  readonly writes: { write: StoreWrite; answer: PromiseWithResolvers<WriteOutcome> }[] = [];

  constructor(clock: FakeClock) {
    this.time = { nowMs: () => clock.wallMs(), uncertaintyMs: () => 0 };
  }

  get(): Promise<StoreRead> {
    const answer = Promise.withResolvers<StoreRead>();
    this.reads.push(answer);
    return answer.promise;
  }

  getMany(keys: readonly string[]): Promise<ReadResult[]> {
    return Promise.all(keys.map(() => this.get()));
  }

  write(write: StoreWrite): Promise<WriteOutcome> {
    const answer = Promise.withResolvers<WriteOutcome>();
    this.writes.push({ write, answer });
    return answer.promise;
  }

  scan(): never {
    throw new Error("a held store is never scanned");
  }

  status(): "connected" {
    return "connected";
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Answers the `index`th read with a value of one byte, or with nothing. */
  answerRead(index: number, byte: number | undefined): void {
    const entry: Entry | undefined = byte === undefined ? undefined : {
      flags: 0,
      stamp: { ms: byte, counter: 0, writer: 1 },
      expiresAtMs: this.time.nowMs() + 60_000,
      payload: Uint8Array.of(byte),
    };
    this.reads[index]?.resolve({ entry, lease: LEASE });
  }

  /** Says of the `index`th write that it is done. */
  answerWrite(index: number): void {
    const held = this.writes[index];
    assert(held !== undefined);
    const { stamp } = held.write.entry;
    held.answer.resolve({
      status: "written",
      stamp,
      replaced: true,
      isExpired: false,
      lease: LEASE,
    });
  }
}

interface Rig {
  readonly service: CacheService;
  readonly store: HeldStore;
  readonly copies: Local["copies"];
  readonly clock: FakeClock;
  readonly joined: () => number;
  readonly call: () => Call;
  readonly byte: () => Promise<number | undefined>;
  readonly set: (byte: number) => Promise<unknown>;
}

function rig(): Rig {
  const clock = new FakeClock();
  const store = new HeldStore(clock);
  const { copies } = createCopies({ clock });
  let joined = 0;
  const local: Local = { ...createLocal(store, { clock, copies }), onJoined: () => joined++ };
  const service = createService(store, { clock, local });
  const call = (): Call => callWithin(clock);
  return {
    service,
    store,
    copies,
    clock,
    call,
    joined: () => joined,
    byte: async () => {
      const read = await service.get(request, call());
      return read.found ? read.value[0] : undefined;
    },
    set: (byte) => service.set({ ...request, value: Uint8Array.of(byte) }, call()),
  };
}

/** Lets everything happen that waits for nothing but its turn. */
const settle = (clock: FakeClock): Promise<void> => clock.advance(0);

/** What the service answers without asking the store; fails where it asks. */
async function copyOf({ service, store, call }: Rig): Promise<number | undefined> {
  const asked = store.reads.length;
  const answer = service.get(request, call());
  if (store.reads.length > asked) {
    store.answerRead(asked, undefined);
    await answer;
    return undefined;
  }
  const read = await answer;
  assert(read.found && read.source === "local" && !read.degraded);
  return read.value[0];
}

Deno.test("a write answered before an older read's answer is handled is what stays", async () => {
  const given = rig();
  const read = given.byte();
  const written = given.set(2);
  await settle(given.clock);
  given.store.answerWrite(0);
  await written;
  given.store.answerRead(0, 1);
  assert.equal(await read, 1, "the read began before the write");
  assert.equal(await copyOf(given), 2);
});

Deno.test("a read answered before a write under way leaves no copy of the old value", async () => {
  const given = rig();
  const read = given.byte();
  const written = given.set(2);
  await settle(given.clock);
  given.store.answerRead(0, 1);
  await read;
  assert.equal(await copyOf(given), undefined);
  given.store.answerWrite(0);
  await written;
  assert.equal(await copyOf(given), 2);
});

Deno.test("a read sent while a write is under way does not outlive that write", async () => {
  // A script that Redis does not know is sent twice, so a read sent later can be served earlier.
  const given = rig();
  const written = given.set(2);
  await settle(given.clock);
  const read = given.byte();
  await settle(given.clock);
  given.store.answerWrite(0);
  await written;
  assert.equal(given.joined(), 0);
  assert.equal(await copyOf(given), 2);
  given.store.answerRead(0, 1);
  await read;
  assert.equal(await copyOf(given), 2);
});

Deno.test("after a delete no read that was under way brings the value back", async () => {
  const given = rig();
  const read = given.byte();
  const deleted = given.service.delete(request, given.call());
  await settle(given.clock);
  const during = given.byte();
  await settle(given.clock);
  given.store.answerWrite(0);
  await deleted;
  const later = given.byte();
  await settle(given.clock);
  assert.equal(given.store.reads.length, 3, "none joins a load from before the delete");
  given.store.answerRead(2, undefined);
  assert.equal(await later, undefined);
  for (const index of [0, 1]) given.store.answerRead(index, 1);
  await Promise.all([read, during]);
  assert.equal(await copyOf(given), undefined);
});

for (const change of ["changed", "allChanged"] as const) {
  Deno.test(`a read under way when the store reports ${change} leaves no copy`, async () => {
    const given = rig();
    const before = given.byte();
    await settle(given.clock);
    if (change === "changed") given.copies.changed(KEY);
    else given.copies.allChanged();
    const after = given.byte();
    await settle(given.clock);
    assert.equal(given.store.reads.length, 2, "the load from before is not joined");
    given.store.answerRead(1, 2);
    assert.equal(await after, 2);
    given.store.answerRead(0, 1);
    assert.equal(await before, 1);
    assert.equal(await copyOf(given), 2);
  });

  Deno.test(`a write under way when the store reports ${change} leaves no copy`, async () => {
    const given = rig();
    const written = given.set(1);
    await settle(given.clock);
    if (change === "changed") given.copies.changed(KEY);
    else given.copies.allChanged();
    given.store.answerWrite(0);
    await written;
    assert.equal(await copyOf(given), undefined);
  });
}

Deno.test("of two writes answered the other way round, the later one's value stays", async () => {
  const given = rig();
  const first = given.set(1);
  await settle(given.clock);
  const second = given.set(2);
  await settle(given.clock);
  given.store.answerWrite(1);
  await second;
  given.store.answerWrite(0);
  await first;
  const copy = await copyOf(given);
  assert(copy === undefined || copy === 2, `a copy of ${copy}`);
});

Deno.test("batch reads obey the same order", async () => {
  const given = rig();
  const read = given.service.batchGet({ namespace: "n", keys: ["k"] }, given.call());
  await settle(given.clock);
  const written = given.set(2);
  await settle(given.clock);
  given.store.answerWrite(0);
  await written;
  given.store.answerRead(0, 1);
  assert.equal((await read).values.get("k")?.[0], 1);
  assert.equal(await copyOf(given), 2);
});

Deno.test("10,000 reads of one key at once are one load, whoever gives up meanwhile", async () => {
  const given = rig();
  const { service, store, clock } = given;
  const cancelled = new AbortController();
  const patient = Array.from({ length: 9998 }, () => given.byte());
  const gone = service.get(request, { ...given.call(), signal: cancelled.signal });
  const late = service.get(request, callWithin(clock, 100));
  const failures = Promise.allSettled([gone, late]);
  await settle(clock);
  cancelled.abort();
  await clock.advance(200);
  for (const { status, reason } of await failures as PromiseRejectedResult[]) {
    assert.equal(status, "rejected");
    assert.equal(reason.code, "deadline_exceeded");
  }
  assert.equal(store.reads.length, 1);
  assert.equal(given.joined(), 9999);
  store.answerRead(0, 5);
  assert.deepEqual(new Set(await Promise.all(patient)), new Set([5]));
});

Deno.test("the first caller's end does not end the load for those who joined", async () => {
  const given = rig();
  const first = given.service.get(request, callWithin(given.clock, 50));
  const failed = assert.rejects(first, { code: "deadline_exceeded" });
  const second = given.byte();
  await given.clock.advance(100);
  await failed;
  given.store.answerRead(0, 3);
  assert.equal(await second, 3);
  assert.equal(await copyOf(given), 3);
});

Deno.test("a load that fails fails for those who joined, and the next caller loads anew", async () => {
  const given = rig();
  const both = [given.byte(), given.byte()];
  await settle(given.clock);
  given.store.reads[0]?.reject(new CacheError("entry_invalid", "Not an entry."));
  for (const read of both) await assert.rejects(read, { code: "entry_invalid" });
  const next = given.byte();
  await settle(given.clock);
  given.store.answerRead(1, 4);
  assert.equal(await next, 4);
});

Deno.test("a load of more than 2 s ago is not joined, and no-cache joins none", async () => {
  const given = rig();
  const stuck = given.byte();
  await settle(given.clock);
  const asking = given.service.get(request, { ...given.call(), noCache: true });
  await settle(given.clock);
  assert.equal(given.store.reads.length, 2);
  await given.clock.advance(1900);
  const joining = given.byte();
  await given.clock.advance(200);
  const anew = given.byte();
  await settle(given.clock);
  assert.equal(given.store.reads.length, 3);
  for (const index of [0, 1, 2]) given.store.answerRead(index, 6);
  assert.deepEqual(await Promise.all([stuck, joining, anew]), [6, 6, 6]);
  assert.equal((await asking).found, true);
});

Deno.test("a reply that is not to be remembered becomes no copy, and takes an older one away", () => {
  const clock = new FakeClock();
  const { copies } = createCopies({ clock });
  const nowMs = clock.wallMs();
  const stamp = { ms: 1, counter: 0, writer: 1 };
  const copy = { value: Uint8Array.of(1), stamp, expiresAtMs: nowMs + 60_000, filledAtMs: 0 };
  const ticket = copies.read(KEY);
  assert.equal(copies.fill(ticket, { ...copy, lease: LEASE }), true);
  assert(copies.held(KEY, nowMs) !== undefined);
  assert.equal(copies.fill(ticket, { ...copy, lease: NO_LEASE }), false);
  assert.equal(copies.held(KEY, nowMs), undefined);
  copies.done(ticket);
});

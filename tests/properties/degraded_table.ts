import assert from "node:assert/strict";
import fc from "fast-check";
import type { CacheService } from "../../src/cache/cache_service.ts";
import type { Call } from "../../src/cache/call.ts";
import type { CacheError } from "../../src/core/errors.ts";
import { systemClock } from "../../src/system.ts";
import { callWithin } from "../harness/cache_services.ts";

const OUTAGE = /^(redis_unavailable|circuit_open)$/;
const CALL: Call = { ...callWithin(systemClock), deadlineMs: Infinity };

/** How the store fails: known to be away, not reached, or silent after it was sent a command. */
export type Failure = "circuit_open" | "not_reached" | "unanswered";

/** What is done with the cache; `ttl` in seconds, 0 for the default. */
export type Step =
  | { readonly do: "get"; readonly key: string }
  | { readonly do: "set"; readonly key: string; readonly byte: number; readonly ttl: number }
  | { readonly do: "delete"; readonly key: string }
  | { readonly do: "batchGet"; readonly keys: readonly string[] }
  | { readonly do: "batchSet"; readonly entries: ReadonlyMap<string, number>; readonly ttl: number }
  | { readonly do: "wait"; readonly ms: number };

/** What the table depends on. */
export interface Settings {
  readonly nearCache: boolean;
  readonly acceptsWrites: boolean;
  readonly journalEntries: number;
}

/** What is done before the store goes down, and while it is down. */
export interface Script {
  readonly before: readonly Step[];
  readonly during: readonly { readonly step: Step; readonly failure: Failure }[];
}

const key = fc.constantFrom("a", "b", "c", "d", "e", "__proto__");
const byte = fc.nat(255);
const ttl = fc.constantFrom(0, 1, 2, 5);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("get"), key }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("set"), key, byte, ttl }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("delete"), key }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("batchGet"),
      keys: fc.uniqueArray(key, { minLength: 1 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("batchSet"),
      entries: fc.array(fc.tuple(key, byte), { minLength: 1 }).map((pairs) => new Map(pairs)),
      ttl,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("wait"), ms: fc.integer({ min: 1, max: 3000 }) }),
  },
);
export const script: fc.Arbitrary<Script> = fc.record({
  before: fc.array(step, { maxLength: 12 }),
  during: fc.array(
    fc.record({ step, failure: fc.constantFrom("circuit_open", "not_reached", "unanswered") }),
    { minLength: 1, maxLength: 25 },
  ),
});
export const settings: fc.Arbitrary<Settings> = fc.record({
  nearCache: fc.boolean(),
  acceptsWrites: fc.boolean(),
  journalEntries: fc.integer({ min: 0, max: 7 }),
});

interface Held {
  readonly byte: number;
  readonly expiresAtMs: number;
}

/** What a process holds, by the words of the table alone. */
export class Model {
  readonly copies = new Map<string, Held>();
  /** Nothing stands for a delete. */
  readonly journal = new Map<string, Held | undefined>();

  held(key: string, nowMs: number): Held | undefined {
    const held = this.journal.has(key) ? this.journal.get(key) : this.copies.get(key);
    return held !== undefined && held.expiresAtMs > nowMs ? held : undefined;
  }

  fits(keys: readonly string[], { nearCache, acceptsWrites, journalEntries }: Settings): boolean {
    const size = new Set([...this.journal.keys(), ...keys]).size;
    return nearCache && acceptsWrites && size <= journalEntries;
  }
}

/** A process under test: how it is used and how its time passes. */
export interface Subject {
  readonly service: CacheService;
  readonly settings: Settings;
  readonly namespace: string;
  /** Store time. */
  nowMs(): number;
  /** Follows work, and lets the time that it waits for pass. */
  during<T>(work: Promise<T>): Promise<T>;
  wait(ms: number): Promise<void>;
}

/** Does what the script says while the store is there. */
export async function before(subject: Subject, steps: readonly Step[]): Promise<Model> {
  const { service, namespace, settings } = subject;
  const model = new Model();
  for (const step of steps) {
    const nowMs = subject.nowMs();
    const kept = (byte: number, ttl: number): Held => ({
      byte,
      expiresAtMs: Math.floor(nowMs) + (ttl || 3600) * 1000,
    });
    if (step.do === "wait") await subject.wait(step.ms);
    else if (step.do === "set") {
      const value = Uint8Array.of(step.byte);
      const request = { namespace, key: step.key, value, ttlSeconds: step.ttl };
      assert.equal((await service.set(request, CALL)).degraded, false);
      if (settings.nearCache) model.copies.set(step.key, kept(step.byte, step.ttl));
    } else if (step.do === "delete") {
      assert.equal((await service.delete({ namespace, key: step.key }, CALL)).degraded, false);
      model.copies.delete(step.key);
    } else if (step.do === "batchSet") {
      const entries = bytesOf(step.entries);
      await service.batchSet({ namespace, entries, ttlSeconds: step.ttl }, CALL);
      for (const [key, byte] of step.entries) {
        if (settings.nearCache) model.copies.set(key, kept(byte, step.ttl));
      }
    }
  }
  return model;
}

function bytesOf(entries: ReadonlyMap<string, number>): Map<string, Uint8Array<ArrayBuffer>> {
  return new Map(Array.from(entries, ([key, byte]) => [key, Uint8Array.of(byte)] as const));
}

/** Takes one step while the store is down, and checks the answer against the table. */
export async function check(
  subject: Subject,
  { model, step, failure }: {
    readonly model: Model;
    readonly step: Step;
    readonly failure: Failure | undefined;
  },
): Promise<void> {
  const { service, namespace, settings } = subject;
  const nowMs = subject.nowMs();
  const expiresAtMs = (ttl: number): number => Math.floor(nowMs) + (ttl || 3600) * 1000;
  assert.equal(service.health().degraded, true);

  const answered = async (
    work: Promise<unknown>,
    { keys, wanted, journaled }: {
      readonly keys: readonly string[];
      readonly wanted: Readonly<Record<string, unknown>>;
      readonly journaled: (key: string) => Held | undefined;
    },
  ): Promise<void> => {
    if (!model.fits(keys, settings)) {
      await assert.rejects(subject.during(work), (error: CacheError) => {
        assert.match(error.code, OUTAGE);
        assert((error.retryAfterSeconds ?? 0) >= 1);
        return true;
      });
      // It may have been carried out all the same, so what is held may be too old.
      if (failure === "unanswered") { for (const key of keys) model.copies.delete(key); }
      return;
    }
    const answer = await subject.during(work) as Record<string, unknown>;
    assert.deepEqual({ ...answer, version: "" }, { ...wanted, version: "" });
    for (const key of keys) {
      model.journal.set(key, journaled(key));
      model.copies.delete(key);
    }
  };

  if (step.do === "wait") return await subject.wait(step.ms);
  if (step.do === "get") {
    const read = await service.get({ namespace, key: step.key }, CALL);
    const held = model.held(step.key, nowMs);
    assert.deepEqual(
      read.found ? [read.value[0], read.source, read.degraded] : ["miss", read.degraded],
      held === undefined ? ["miss", true] : [held.byte, "local", true],
    );
  } else if (step.do === "batchGet") {
    const read = await service.batchGet({ namespace, keys: step.keys }, CALL);
    assert.deepEqual([read.degraded, read.errors.size], [true, 0]);
    for (const key of step.keys) {
      const held = model.held(key, nowMs);
      assert.equal(read.values.get(key)?.[0], held?.byte);
      assert.equal(read.missingKeys.includes(key), held === undefined);
    }
  } else if (step.do === "set") {
    const { key, byte, ttl } = step;
    const request = { namespace, key, value: Uint8Array.of(byte), ttlSeconds: ttl };
    await answered(service.set(request, CALL), {
      keys: [key],
      wanted: { degraded: true },
      journaled: () => ({ byte, expiresAtMs: expiresAtMs(ttl) }),
    });
  } else if (step.do === "delete") {
    await answered(service.delete({ namespace, key: step.key }, CALL), {
      keys: [step.key],
      wanted: { deleted: model.held(step.key, nowMs) !== undefined, degraded: true },
      journaled: () => undefined,
    });
  } else {
    const entries = bytesOf(step.entries);
    await answered(service.batchSet({ namespace, entries, ttlSeconds: step.ttl }, CALL), {
      keys: [...entries.keys()],
      wanted: { success: true, storedCount: entries.size, degraded: true },
      journaled: (key) => ({
        byte: step.entries.get(key) ?? 0,
        expiresAtMs: expiresAtMs(step.ttl),
      }),
    });
  }
}

// Property 15, requirements 7.1 to 7.5: with the store down every answer is degraded and follows the
// table of docs/architecture.md, "When Redis is unavailable".
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Local } from "../../src/cache/local.ts";
import type { Lease } from "../../src/core/coherence.ts";
import { CacheError } from "../../src/core/errors.ts";
import type {
  ConnectionStatus,
  ReadResult,
  Store,
  StoreRead,
  StoreWrite,
  WriteOutcome,
} from "../../src/core/store.ts";
import { MemoryStore } from "../../src/store/memory_store.ts";
import { systemClock } from "../../src/system.ts";
import { callWithin, createService } from "../harness/cache_services.ts";
import { createCopies, createLocal } from "../harness/locals.ts";
import { connectRedisStore } from "../harness/redis_stores.ts";
import { connectReplica } from "../harness/replicas.ts";
import { serverTest } from "../support/backends.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { startRedis } from "../support/redis_server.ts";
import { propertyOptions, propertySeed } from "../support/seeded_random.ts";
import { waitFor } from "../support/wait_for.ts";
import {
  before,
  check,
  type Failure,
  Model,
  type Script,
  script,
  type Settings,
  settings,
  type Step,
  type Subject,
} from "./degraded_table.ts";

/** For so long a write of which nothing is known may still be carried out. */
const LANDS_WITHIN_MS = 300;

/** A store that fails as it is told; what is not answered is never carried out either. */
class FailingStore implements Store {
  readonly source = "redis";
  readonly timeoutMs = 3000;
  readonly time;
  failure: Failure | undefined;
  readonly #inner: MemoryStore;
  readonly #lease: Lease = {
    trusted: () => this.failure === undefined,
    superseded: () => false,
  };

  constructor(clock: FakeClock) {
    this.#inner = new MemoryStore({ clock, maxBytes: 1e8, tombstoneTtlMs: 600_000 });
    this.time = this.#inner.time;
  }

  async get(key: string): Promise<StoreRead> {
    if (this.failure !== undefined) throw this.#error();
    return { ...await this.#inner.get(key), lease: this.#lease };
  }

  getMany(keys: readonly string[]): Promise<ReadResult[]> {
    return Promise.all(keys.map((key) => this.get(key).catch((error) => error)));
  }

  async write(write: StoreWrite): Promise<WriteOutcome> {
    if (this.failure === undefined) {
      const outcome = await this.#inner.write(write);
      return outcome.status === "written" ? { ...outcome, lease: this.#lease } : outcome;
    }
    const landsUntilMs = this.failure === "unanswered"
      ? this.time.nowMs() + LANDS_WITHIN_MS
      : -Infinity;
    return { status: "failed", error: this.#error(), landsUntilMs };
  }

  scan(): never {
    throw new Error("a failing store is never scanned");
  }

  status(): ConnectionStatus {
    return this.failure === undefined ? "connected" : "disconnected";
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  #error(): CacheError {
    const code = this.failure === "circuit_open" ? "circuit_open" : "redis_unavailable";
    return new CacheError(code, "The store is away.", { retryAfterSeconds: 1 });
  }
}

function openLocal(store: Store, options: Settings & { readonly clock: FakeClock }): Local {
  const { clock, acceptsWrites, journalEntries } = options;
  const { copies } = createCopies({ clock });
  return createLocal(store, { clock, copies, acceptsWrites, journalEntries });
}

Deno.test("with the store down every answer is degraded and follows the table", async () => {
  await fc.assert(
    fc.asyncProperty(settings, script, async (given, steps) => {
      const clock = new FakeClock();
      const store = new FailingStore(clock);
      const local = given.nearCache ? openLocal(store, { ...given, clock }) : undefined;
      const subject: Subject = {
        service: createService(store, { clock, ...(local === undefined ? {} : { local }) }),
        settings: given,
        namespace: "n",
        nowMs: () => store.time.nowMs(),
        async during<T>(work: Promise<T>): Promise<T> {
          work.catch(() => {});
          if (store.failure === "unanswered") await clock.advance(LANDS_WITHIN_MS + 2);
          return await work;
        },
        wait: (ms) => clock.advance(ms),
      };
      const model = await before(subject, steps.before);
      for (const { step, failure } of steps.during) {
        store.failure = failure;
        await check(subject, { model, step, failure });
      }
      assert.equal(local?.journal.size ?? 0, model.journal.size);
      // What was acknowledged is what stands once the store is back.
      store.failure = undefined;
      await clock.advance(1000);
      assert.equal(local?.journal.size ?? 0, 0);
      for (const key of model.journal.keys()) {
        const read = await subject.service.get({ namespace: "n", key }, callWithin(clock));
        assert.equal(read.degraded, false);
        const held = model.held(key, subject.nowMs());
        assert.equal(read.found ? read.value[0] : undefined, held?.byte);
      }
    }),
    propertyOptions({ numRuns: 300 }),
  );
});

/** The same against a killed Redis: each script has a namespace of its own, as Redis dies once. */
async function checkKilled(given: Settings): Promise<void> {
  const seed = propertySeed();
  const quick = ({ before, during }: Script): Script => ({
    before: before.filter((step) => step.do !== "wait").map(lasting),
    during: during.filter(({ step }) => step.do !== "wait")
      .map(({ step, failure }) => ({ step: lasting(step), failure })),
  });
  const scripts = fc.sample(script.map(quick), { numRuns: 100, seed });
  await using redis = await startRedis();
  const options = { addresses: [redis.address], timeoutMs: 1000 };
  await using opened = given.nearCache
    ? await connectReplica({ ...options, acceptsWrites: given.acceptsWrites })
    : await connectRedisStore(options);
  const { store } = opened;
  const service = "service" in opened
    ? opened.service
    : createService(store, { clock: systemClock });
  const subjects = scripts.map((_, i): Subject => ({
    service,
    settings: given,
    namespace: `run-${i}`,
    nowMs: () => store.time.nowMs(),
    during: (work) => work,
    wait: () => Promise.resolve(),
  }));
  await waitFor(() => !given.nearCache || store.tracking === "on", {
    deadlineMs: 5000,
    what: "tracking",
  });
  const models = await Promise.all(
    subjects.map((subject, i) => before(subject, scripts[i]?.before ?? [])),
  );
  await redis.kill();
  await waitFor(() => store.status() === "disconnected", {
    deadlineMs: 5000,
    what: "the loss of Redis to be noticed",
  });
  for (const [i, subject] of subjects.entries()) {
    const model = models[i] ?? new Model();
    for (const { step } of scripts[i]?.during ?? []) {
      try {
        await check(subject, { model, step, failure: "not_reached" });
      } catch (error) {
        throw new Error(`script ${i}, PROPERTY_SEED=${seed}`, { cause: error });
      }
    }
  }
}

/** The step with a TTL that outlasts the test. */
function lasting(step: Step): Step {
  return "ttl" in step ? { ...step, ttl: 0 } : step;
}

for (
  const [name, given] of [
    ["on", { nearCache: true, acceptsWrites: true, journalEntries: Infinity }],
    ["on, writes rejected", { nearCache: true, acceptsWrites: false, journalEntries: Infinity }],
    ["off", { nearCache: false, acceptsWrites: true, journalEntries: Infinity }],
  ] as const
) {
  serverTest({
    name: `with Redis killed every answer is degraded and follows the table: near cache ${name}`,
    needs: ["redis-server"],
    fn: () => checkKilled(given),
  });
}

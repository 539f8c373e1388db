// Property 8, requirement 3.3: any interleaving of concurrent operations ends in answers and a state
// that some serial order explains, and every operation ends.
import assert from "node:assert/strict";
import fc from "fast-check";
import type {
  ReadResult,
  Store,
  StoreRead,
  StoreWrite,
  WriteOutcome,
} from "../../src/core/store.ts";
import { MemoryStore } from "../../src/store/memory_store.ts";
import { createService } from "../harness/cache_services.ts";
import { onLegs } from "../harness/legs.ts";
import { ServiceDriver } from "../harness/service_driver.ts";
import type { CacheDriver } from "../support/cache_driver.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { findSerialOrder, type Model, type Recorded } from "../support/linearizability.ts";
import { propertyOptions } from "../support/seeded_random.ts";

const KEYS = ["a", "b"] as const;

type Command =
  | { readonly kind: "set" | "batchSet"; readonly value: number }
  | { readonly kind: "get" | "batchGet" | "delete" };

/** What happened to one key. */
type Operation =
  | { readonly kind: "set"; readonly value: number }
  | { readonly kind: "get"; readonly read: number | undefined }
  | { readonly kind: "delete"; readonly deleted: boolean };

type Histories = Map<string, Recorded<Operation>[]>;

const entryModel: Model<number | undefined, Operation> = (state, operation) => {
  if (operation.kind === "set") return { state: operation.value };
  if (operation.kind === "get") return operation.read === state ? { state } : undefined;
  return operation.deleted === (state !== undefined) ? { state: undefined } : undefined;
};

const commands: fc.Arbitrary<[string, Command]> = fc.tuple(
  fc.constantFrom(...KEYS),
  fc.oneof(
    fc.record({ kind: fc.constantFrom("set", "batchSet"), value: fc.nat(255) }),
    fc.record({ kind: fc.constantFrom("get", "batchGet", "delete") }),
  ),
);

/** Runs one command and records what it did to each key it touched. */
async function run(
  driver: CacheDriver,
  [key, command]: [string, Command],
  { namespace, histories, tick }: {
    readonly namespace: string;
    readonly histories: Histories;
    readonly tick: () => number;
  },
): Promise<void> {
  const calledAt = tick();
  const record = (touched: string, operation: Operation): void => {
    histories.get(touched)?.push({ operation, calledAt, returnedAt: tick() });
  };
  switch (command.kind) {
    case "set":
      await driver.set({ namespace, key, value: Uint8Array.of(command.value) });
      return record(key, { kind: "set", value: command.value });
    case "batchSet": {
      const value = Uint8Array.of(command.value);
      await driver.batchSet({ namespace, entries: new Map(KEYS.map((each) => [each, value])) });
      for (const each of KEYS) record(each, { kind: "set", value: command.value });
      return;
    }
    case "get": {
      const read = await driver.get(namespace, key);
      return record(key, { kind: "get", read: read.found ? read.value[0] : undefined });
    }
    case "batchGet": {
      const { values } = await driver.batchGet(namespace, KEYS);
      for (const each of KEYS) record(each, { kind: "get", read: values.get(each)?.[0] });
      return;
    }
    case "delete": {
      const { deleted } = await driver.delete(namespace, key);
      return record(key, { kind: "delete", deleted });
    }
  }
}

async function checkHistories(
  driver: CacheDriver,
  batch: readonly [string, Command][],
  options: { readonly namespace: string; readonly finish?: () => Promise<void> },
): Promise<void> {
  const histories: Histories = new Map(KEYS.map((key) => [key, []]));
  let time = 0;
  const context = { namespace: options.namespace, histories, tick: () => time++ };
  const running = Promise.all(batch.map((command) => run(driver, command, context)));
  await options.finish?.();
  await running;
  for (const key of KEYS) await run(driver, [key, { kind: "get" }], context);
  for (const [key, history] of histories) {
    const order = findSerialOrder(history, {
      initial: undefined,
      model: entryModel,
      nameState: String,
    });
    assert(order !== undefined, `no serial order explains ${key}: ${JSON.stringify(history)}`);
  }
}

/** A store whose calls reach it, and answer, when the scheduler says so. */
class ScheduledStore implements Store {
  readonly source = "local";
  readonly timeoutMs = 0;
  readonly time;
  readonly #inner: MemoryStore;
  readonly #scheduler: fc.Scheduler;

  constructor(inner: MemoryStore, scheduler: fc.Scheduler) {
    this.#inner = inner;
    this.#scheduler = scheduler;
    this.time = inner.time;
  }

  get(key: string): Promise<StoreRead> {
    return this.#scheduled("get", () => this.#inner.get(key));
  }

  async getMany(keys: readonly string[]): Promise<ReadResult[]> {
    return await Promise.all(keys.map((key) => this.get(key)));
  }

  write(write: StoreWrite): Promise<WriteOutcome> {
    return this.#scheduled("write", () => this.#inner.write(write));
  }

  scan(): never {
    throw new Error("a scheduled store is never scanned");
  }

  status(): "disabled" {
    return "disabled";
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #scheduled<T>(label: string, work: () => Promise<T>): Promise<T> {
    await this.#scheduler.schedule(Promise.resolve(), `${label} arrives`);
    const result = await work();
    await this.#scheduler.schedule(Promise.resolve(), `${label} answers`);
    return result;
  }
}

Deno.test("some serial order explains any schedule: in process, memory, scheduled", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(commands, { minLength: 2, maxLength: 7 }),
      async (scheduler, batch) => {
        const clock = new FakeClock();
        const inner = new MemoryStore({ clock, maxBytes: 1e6, tombstoneTtlMs: 600_000 });
        const service = createService(new ScheduledStore(inner, scheduler), { clock });
        const driver = new ServiceDriver(service, clock);
        const histories: Promise<void> = checkHistories(driver, batch, { namespace: "n" });
        let done = false;
        const settled = histories.finally(() => done = true);
        // The last reads are scheduled too, so the scheduler goes on until the check is through.
        while (!done) {
          await scheduler.waitIdle();
          await new Promise((resolve) => setTimeout(resolve, 0));
        }
        await settled;
      },
    ),
    propertyOptions({ numRuns: 300 }),
  );
});

onLegs(
  {
    name: "some serial order explains real concurrency",
    legs: ["rest", "grpc", "redis", "cluster"],
  },
  async ({ driver }) => {
    let namespaces = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(commands, { minLength: 2, maxLength: 10 }),
        (batch) => checkHistories(driver, batch, { namespace: `n-${namespaces++}` }),
      ),
      propertyOptions(),
    );
  },
);

onLegs(
  { name: "versions of a key never repeat", legs: ["memory", "redis"] },
  async ({ driver }) => {
    const value = Uint8Array.of(1);
    const versions = new Set<string>();
    for (let i = 0; i < 200; i++) {
      await Promise.all([1, 2, 3].map(() => driver.set({ namespace: "v", key: "k", value })));
      const read = await driver.get("v", "k");
      assert(read.found);
      assert(!versions.has(read.version));
      versions.add(read.version);
    }
    assert.deepEqual([...versions], [...versions].sort());
  },
);

// The simulation's Redis against what stores promise, and against the script in a real Redis.
import assert from "node:assert/strict";
import { type Entry, FLAG_ENCRYPTED, FLAG_TOMBSTONE } from "../../src/core/entry.ts";
import { batchAnswerTooLarge } from "../../src/core/errors.ts";
import type {
  ReadResult,
  Store,
  StoreRead,
  StoreTime,
  StoreWrite,
  WriteOutcome,
} from "../../src/core/store.ts";
import { checkStoreContract, CONTRACT_TOMBSTONE_TTL_MS } from "../contract/store_contract.ts";
import { connectRedisStore } from "../harness/redis_stores.ts";
import { serverTest } from "../support/backends.ts";
import { startRedis } from "../support/redis_server.ts";
import { propertySeed } from "../support/seeded_random.ts";
import { Dice } from "./dice.ts";
import { applyWrite, type Stored } from "./write_model.ts";

/** The model as a store, without a network. */
class ModelStore implements Store {
  readonly source = "local";
  readonly timeoutMs = 0;
  readonly time: StoreTime;
  readonly #tombstoneTtlMs: number;
  readonly #monotonicMs: () => number;
  readonly #keys = new Map<string, Stored>();

  constructor(
    options: {
      readonly time: StoreTime;
      readonly tombstoneTtlMs: number;
      readonly monotonicMs: () => number;
    },
  ) {
    this.time = options.time;
    this.#tombstoneTtlMs = options.tombstoneTtlMs;
    this.#monotonicMs = options.monotonicMs;
  }

  get(key: string): Promise<StoreRead> {
    return Promise.resolve({ entry: this.#stored(key)?.entry, lease: undefined });
  }

  getMany(keys: readonly string[], { maxBytes }: { maxBytes: number }): Promise<ReadResult[]> {
    const entries = keys.map((key) => this.#stored(key)?.entry);
    const bytes = entries.reduce((sum, entry) => sum + (entry?.payload.length ?? 0), 0);
    if (bytes > maxBytes) return Promise.reject(batchAnswerTooLarge(maxBytes));
    return Promise.resolve(entries.map((entry) => ({ entry, lease: undefined })));
  }

  write({ key, entry, mode, deadlineMs }: StoreWrite): Promise<WriteOutcome> {
    const nowMs = Math.floor(this.time.nowMs());
    const notAfterMs = nowMs + deadlineMs - this.#monotonicMs();
    const copy = { ...entry, payload: entry.payload.slice() };
    const effect = applyWrite(this.#stored(key), {
      write: { entry: copy, mode, notAfterMs, tombstoneTtlMs: this.#tombstoneTtlMs },
      nowMs,
    });
    if (effect.status !== "written") return Promise.resolve({ status: effect.status });
    const { stored, ...outcome } = effect;
    if (stored === undefined) this.#keys.delete(key);
    else this.#keys.set(key, stored);
    return Promise.resolve({ ...outcome, lease: undefined });
  }

  async *scan(namespace: string): AsyncGenerator<readonly string[]> {
    for (const key of this.#keys.keys()) if (key.startsWith(`${namespace}:`)) yield [key];
  }

  status(): "disabled" {
    return "disabled";
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #stored(key: string): Stored | undefined {
    const stored = this.#keys.get(key);
    if (stored !== undefined && this.time.nowMs() > stored.heldUntilMs) this.#keys.delete(key);
    return this.#keys.get(key);
  }
}

Deno.test("the model of Redis keeps the store contract", async (context) => {
  const monotonicMs = (): number => 1_735_700_000_000;
  const time = { nowMs: monotonicMs, uncertaintyMs: () => 0 };
  const tombstoneTtlMs = CONTRACT_TOMBSTONE_TTL_MS;
  const store = new ModelStore({ time, tombstoneTtlMs, monotonicMs });
  await checkStoreContract(context, { store, monotonicMs });
});

serverTest({
  name: "the model of Redis does what the write script does",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    const tombstoneTtlMs = 60_000;
    await using redis = await startRedis();
    await using real = await connectRedisStore({ addresses: [redis.address], tombstoneTtlMs });
    const { time } = real.store;
    const monotonicMs = (): number => performance.now();
    const model = new ModelStore({ time, tombstoneTtlMs, monotonicMs });
    const seed = propertySeed();
    const dice = new Dice(seed);
    for (let i = 0; i < 2000; i++) {
      const write = await randomWrite(dice, model);
      const timely = { ...write, deadlineMs: monotonicMs() + (dice.chance(0.1) ? -5000 : 5000) };
      const message = `write ${i} of PROPERTY_SEED=${seed}: ${JSON.stringify(timely)}`;
      const expected = await model.write(timely);
      assert.deepEqual({ ...await real.store.write(timely), lease: undefined }, {
        lease: undefined,
        ...expected,
      }, message);
      const stands = comparable((await model.get(write.key)).entry);
      assert.deepEqual(comparable((await real.store.get(write.key)).entry), stands, message);
    }
  },
});

/** Times lie minutes around now and well away from every limit, which two clocks would see apart. */
async function randomWrite(
  dice: Dice,
  model: ModelStore,
): Promise<Omit<StoreWrite, "deadlineMs">> {
  const nowMs = model.time.nowMs();
  const key = `n:k${dice.below(100)}`;
  const standing = (await model.get(key)).entry;
  if (standing !== undefined && dice.chance(0.2)) {
    const other = dice.pick([{}, {}, { flags: FLAG_ENCRYPTED }, { expiresAtMs: 0 }, {
      stamp: { ...standing.stamp, counter: 7 },
    }]);
    const payload = Uint8Array.of(dice.below(256));
    return { key, entry: { ...standing, payload, ...other }, mode: "rewrap" };
  }
  const isDelete = dice.chance(0.3);
  const now = Math.floor(nowMs);
  const secondsAgo = dice.pick([-20, -1, 0, 0, 0, 10, 40, 80, 200]);
  const entry: Entry = {
    flags: isDelete ? FLAG_TOMBSTONE : 0,
    stamp: {
      ms: now - secondsAgo * 1000,
      counter: dice.pick([0, 1, 65_535]),
      writer: 1 + dice.below(3),
    },
    expiresAtMs: isDelete ? 0 : now + dice.pick([-10_000, 20_000, 300_000]),
    payload: isDelete ? new Uint8Array(0) : Uint8Array.of(dice.below(256)),
  };
  const mode = dice.pick(["replay", "ordinary", "event"] as const);
  // Brought again, or another event of the same second.
  const again = mode === "event" && standing !== undefined && dice.chance(0.5)
    ? { stamp: standing.stamp, payload: dice.pick([standing.payload, entry.payload]) }
    : {};
  return { key, entry: isDelete ? entry : { ...entry, ...again }, mode };
}

/** Without the end of a tombstone, which the two clocks put a little apart. */
function comparable(entry: Entry | undefined): unknown {
  if (entry === undefined) return undefined;
  return {
    ...entry,
    payload: [...entry.payload],
    expiresAtMs: entry.flags === 0 && entry.expiresAtMs,
  };
}

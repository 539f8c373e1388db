// Property 17, requirements 10.1 to 10.4: near cache and Redis agree on values and on expiry, whatever
// two replicas do to the same keys.
import assert from "node:assert/strict";
import fc from "fast-check";
import type { CacheService } from "../../src/cache/cache_service.ts";
import type { Hit, KeyRequest, Miss } from "../../src/cache/operations.ts";
import { systemClock } from "../../src/system.ts";
import { callWithin, createService } from "../harness/cache_services.ts";
import { connectRedisStore } from "../harness/redis_stores.ts";
import { connectReplica, type Replica } from "../harness/replicas.ts";
import { serverTest, sharedServer } from "../support/backends.ts";
import { startRedis } from "../support/redis_server.ts";
import { propertyOptions } from "../support/seeded_random.ts";
import { waitFor } from "../support/wait_for.ts";

const redis = sharedServer({ needs: ["redis-server"], start: () => startRedis() });
const call = () => callWithin(systemClock);

type Step =
  | { readonly do: "get" | "askRedis" | "delete"; readonly key: string }
  | { readonly do: "set"; readonly key: string; readonly byte: number; readonly ttl: number }
  | { readonly do: "batchGet"; readonly keys: readonly string[] }
  | {
    readonly do: "batchSet";
    readonly entries: ReadonlyMap<string, number>;
    readonly ttl: number;
  };

interface Turn {
  readonly by: 0 | 1;
  readonly step: Step;
}

const KEYS = ["a", "b", "c", "d"];
const key = fc.constantFrom(...KEYS);
const byte = fc.nat(255);
const ttl = fc.constantFrom(0, 10, 100, 1000);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("get", "askRedis", "delete"), key }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("set"), key, byte, ttl }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("batchGet"), keys: fc.uniqueArray(key) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("batchSet"),
      entries: fc.array(fc.tuple(key, byte), { minLength: 1 }).map((pairs) => new Map(pairs)),
      ttl,
    }),
  },
);
/** Turns of one round are taken at once, rounds one after another. */
const rounds = fc.array(
  fc.array(fc.record({ by: fc.constantFrom<0 | 1>(0, 1), step }), { minLength: 1, maxLength: 8 }),
  { minLength: 1, maxLength: 8 },
);

function take({ service }: Replica, namespace: string, step: Step): Promise<unknown> {
  switch (step.do) {
    case "get":
      return service.get({ namespace, key: step.key }, call());
    case "askRedis":
      return service.get({ namespace, key: step.key }, { ...call(), noCache: true });
    case "delete":
      return service.delete({ namespace, key: step.key }, call());
    case "set": {
      const value = Uint8Array.of(step.byte);
      return service.set({ namespace, key: step.key, value, ttlSeconds: step.ttl }, call());
    }
    case "batchGet":
      if (step.keys.length === 0) return Promise.resolve();
      return service.batchGet({ namespace, keys: step.keys }, call());
    case "batchSet": {
      const entries = new Map(
        Array.from(step.entries, ([key, byte]) => [key, Uint8Array.of(byte)] as const),
      );
      return service.batchSet({ namespace, entries, ttlSeconds: step.ttl }, call());
    }
  }
}

/** What two answers that agree have in common; the seconds left may round either way. */
function comparable(answer: Hit | Miss): unknown {
  assert.equal(answer.degraded, false);
  return answer.found ? { value: [...answer.value], version: answer.version } : "miss";
}

/** Whether a replica answers what one without a near cache does. */
async function assertAgree(
  { replica, plain }: { readonly replica: Replica; readonly plain: CacheService },
  request: KeyRequest,
): Promise<true> {
  const said = await replica.service.get(request, call());
  const stored = await plain.get(request, call());
  assert.deepEqual(comparable(said), comparable(stored));
  if (said.found && stored.found) assert(Math.abs(said.ttlSeconds - stored.ttlSeconds) <= 1);
  return true;
}

serverTest({
  name: "once all is reported, near cache and Redis agree, whatever two replicas did",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using a = await connectReplica({ addresses: [redis().address] });
    await using b = await connectReplica({ addresses: [redis().address] });
    const replicas = [a, b] as const;
    await using connected = await connectRedisStore({ addresses: [redis().address] });
    const plain = createService(connected.store, { clock: systemClock });
    let runs = 0;
    let fromCopies = 0;
    await fc.assert(
      fc.asyncProperty(rounds, async (given) => {
        const namespace = `run-${runs++}`;
        for (const round of given) {
          await Promise.all(round.map(({ by, step }: Turn) => take(replicas[by], namespace, step)));
        }
        for (const replica of replicas) {
          for (const key of KEYS) {
            const request = { namespace, key };
            await waitFor(() => assertAgree({ replica, plain }, request), {
              deadlineMs: 2000,
              what: "near cache and Redis to agree",
            });
            const again = await replica.service.get(request, call());
            if (again.found && again.source === "local") fromCopies++;
          }
        }
      }),
      propertyOptions({ numRuns: 200 }),
    );
    assert(fromCopies > runs, `only ${fromCopies} answers came from copies`);
  },
});

serverTest({
  name: "a copy expires when the entry in Redis does",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using a = await connectReplica({ addresses: [redis().address] });
    await using b = await connectReplica({ addresses: [redis().address] });
    const keys = Array.from({ length: 20 }, (_, i) => `expiring-${i}`);
    let fromCopies = 0;
    /** Reads until the entry is gone; when, by store time, it was last found. */
    const lastFoundAtMs = async ({ store, service }: Replica, key: string): Promise<number> => {
      let lastMs = -Infinity;
      await waitFor(async () => {
        const askedAtMs = store.time.nowMs();
        const read = await service.get({ namespace: "n", key }, call());
        if (read.found) {
          lastMs = askedAtMs;
          if (read.source === "local") fromCopies++;
        }
        return !read.found && !read.degraded;
      }, { deadlineMs: 10_000, what: "the entry to expire" });
      return lastMs;
    };
    await Promise.all(keys.map(async (key, i) => {
      const ttlSeconds = 1 + i % 2;
      const sentAtMs = a.store.time.nowMs();
      await a.service.set({ namespace: "n", key, value: Uint8Array.of(i), ttlSeconds }, call());
      const lasts = await Promise.all([a, b].map((replica) => lastFoundAtMs(replica, key)));
      const uncertaintyMs = a.store.time.uncertaintyMs() + b.store.time.uncertaintyMs();
      for (const lastMs of lasts) {
        const livedMs = lastMs - sentAtMs;
        assert(livedMs > ttlSeconds * 500, `found for ${livedMs} ms only`);
        assert(livedMs <= ttlSeconds * 1000 + uncertaintyMs + 50, `found for ${livedMs} ms`);
      }
    }));
    assert(fromCopies > keys.length * 2);
  },
});

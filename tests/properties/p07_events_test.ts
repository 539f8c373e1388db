// Property 7, requirements 3.1 and 3.2: an invalidation event removes or updates exactly its keys, on
// every replica.
import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeEvent, isEvent } from "../../src/bus/codec.ts";
import { MemoryBus, MemoryHub } from "../../src/bus/memory_bus.ts";
import { Invalidator } from "../../src/cache/invalidator.ts";
import { DEFAULT_LIMITS } from "../../src/core/limits.ts";
import type { TestApp } from "../harness/apps.ts";
import { createMemoryService } from "../harness/cache_services.ts";
import { withoutKeys } from "../harness/envelopes.ts";
import { type EventBroker, eventBrokers, type EventPeer } from "../harness/event_brokers.ts";
import {
  afterEvent,
  type EventCase,
  eventCases,
  messageOf,
  namesOf,
} from "../harness/event_cases.ts";
import { startEventReplica, untilApplied } from "../harness/event_replicas.ts";
import { ServiceDriver } from "../harness/service_driver.ts";
import { silentMeter } from "../harness/silent.ts";
import { sharedServer } from "../support/backends.ts";
import type { CacheDriver } from "../support/cache_driver.ts";
import { startFaultProxy } from "../support/fault_proxy.ts";
import { startRedis } from "../support/redis_server.ts";
import { propertyOptions } from "../support/seeded_random.ts";
import { waitFor } from "../support/wait_for.ts";

/** Where a broker is between. */
const CASES = 150;

const onBrokers = eventBrokers();
const redis = sharedServer({ needs: ["redis-server"], start: () => startRedis() });

async function write(driver: CacheDriver, namespace: string, given: EventCase): Promise<void> {
  const encoder = new TextEncoder();
  const entries = new Map([...given.before].map(([key, text]) => [key, encoder.encode(text)]));
  await driver.batchSet({ namespace, entries });
}

/** The texts that a replica answers for the keys of a case. */
async function texts(
  driver: CacheDriver,
  namespace: string,
  given: EventCase,
): Promise<Map<string, string>> {
  const { values } = await driver.batchGet(namespace, namesOf(given));
  const decoder = new TextDecoder();
  return new Map([...values].map(([key, bytes]) => [key, decoder.decode(bytes)]));
}

Deno.test("an event changes exactly its keys on every replica: in process, memory", async () => {
  let runs = 0;
  const hub = new MemoryHub();
  const publisher = new MemoryBus(hub);
  const replicas = [0, 1].map(() => {
    const { service, store, clock } = createMemoryService();
    const parts = { store, clock, copies: undefined, envelope: withoutKeys };
    const invalidator = new Invalidator({ ...parts, limits: DEFAULT_LIMITS, meter: silentMeter });
    new MemoryBus(hub).subscribe("private", (event) => invalidator.apply(event));
    return { driver: new ServiceDriver(service, clock), clock };
  });
  await fc.assert(
    fc.asyncProperty(eventCases, async (given) => {
      const namespace = `run-${runs++}`;
      for (const { driver, clock } of replicas) {
        // A replica that has read what an event left stamps its own writes later than that.
        await clock.advance(2000);
        await write(driver, namespace, given);
      }
      const nowMs = replicas[0]?.clock.wallMs() ?? 0;
      const event = decodeEvent(messageOf(given, { namespace, nowMs }), DEFAULT_LIMITS);
      assert(isEvent(event));
      await publisher.publish(event);
      for (const { driver } of replicas) {
        assert.deepEqual(await texts(driver, namespace, given), afterEvent(given));
      }
    }),
    propertyOptions({ numRuns: 300 }),
  );
});

interface World {
  readonly replicas: readonly TestApp[];
  readonly peer: EventPeer;
}

/** What is particular to a leg. */
interface Leg {
  /** Those of the replicas that are written to. */
  readonly writers: readonly TestApp[];
  /** What every replica answers in the end. */
  readonly expected: (given: EventCase) => ReadonlyMap<string, string>;
  /** Called between the events and the look at the replicas. */
  readonly beforeLook?: () => Promise<void>;
}

async function openWorld(
  broker: EventBroker,
  { opened, ...options }: Parameters<typeof startEventReplica>[1] & {
    readonly opened: AsyncDisposableStack;
  },
): Promise<World> {
  const peer = opened.use(await broker.open(options.topic));
  const start = (): Promise<TestApp> => startEventReplica(broker, options);
  const replicas = [opened.use(await start()), opened.use(await start())];
  return { peer, replicas };
}

/**
 * Checks the property over a broker, all cases in one run: a replica that has read what an event
 * left stamps its own writes later than that, which may be the end of the running second.
 */
async function checkOver({ replicas, peer }: World, leg: Leg): Promise<void> {
  const run = crypto.randomUUID();
  const manyCases = fc.array(eventCases, { minLength: CASES, maxLength: CASES });
  await fc.assert(
    fc.asyncProperty(manyCases, async (cases) => {
      const named = cases.map((given, i) => ({ given, namespace: `${run}-${i}` }));
      await Promise.all(named.map(async ({ given, namespace }) => {
        for (const { rest } of leg.writers) await write(rest, namespace, given);
        // From now on each replica has copies of its own.
        for (const { rest } of replicas) {
          assert.deepEqual(await texts(rest, namespace, given), given.before);
        }
      }));
      const nowMs = Date.now();
      const messages = named.map(({ given, namespace }) => messageOf(given, { namespace, nowMs }));
      await peer.publish(...messages);
      await leg.beforeLook?.();
      for (const { given, namespace } of named) {
        const expected = leg.expected(given);
        for (const { rest } of replicas) {
          await waitFor(async () => {
            assert.deepEqual(await texts(rest, namespace, given), expected);
            return true;
          }, { deadlineMs: 10_000, what: "an event to be carried out" });
        }
      }
    }),
    { ...propertyOptions({ numRuns: 1 }), endOnFailure: true },
  );
}

onBrokers("an event changes exactly its keys on every replica", async (broker) => {
  await using opened = new AsyncDisposableStack();
  const world = await openWorld(broker, { opened, topic: "p07-near", redis: redis() });
  await checkOver(world, { writers: world.replicas.slice(0, 1), expected: afterEvent });
});

onBrokers("an event changes exactly its keys in every store in memory", async (broker) => {
  await using opened = new AsyncDisposableStack();
  const world = await openWorld(broker, { opened, topic: "p07-memory" });
  await checkOver(world, { writers: world.replicas, expected: afterEvent });
});

onBrokers("an event drops exactly its keys' copies that are kept for outages", async (broker) => {
  await using opened = new AsyncDisposableStack();
  const proxy = opened.use(await startFaultProxy({ target: redis() }));
  const world = await openWorld(broker, {
    opened,
    topic: "p07-fallback",
    redis: proxy,
    env: { CACHE_LOCAL_CACHE_MODE: "fallback", REDIS_KEY_PREFIX: "fallback:" },
  });
  const { replicas } = world;
  const isDegraded = async ({ origin }: TestApp): Promise<boolean> =>
    (await (await fetch(`${origin}/health`)).json()).status === "degraded";
  await checkOver(world, {
    writers: replicas.slice(0, 1),
    // The copies alone are seen, and nobody has read what the event told.
    expected: ({ before, keys }) => new Map([...before].filter(([key]) => !keys.includes(key))),
    async beforeLook(): Promise<void> {
      await untilApplied(replicas, CASES);
      proxy.refuse();
      proxy.cut();
      await waitFor(async () => (await Promise.all(replicas.map(isDegraded))).every((is) => is), {
        deadlineMs: 10_000,
        what: "the outage to be noticed",
      });
    },
  });
});

// Property 18, requirements 7.1 to 7.5 and 10.2: after an outage, for any interleaving of writes on
// two replicas, Redis and both near caches converge on the highest stamp of each key, and nothing
// acknowledged is lost or comes back.
import assert from "node:assert/strict";
import fc from "fast-check";
import { type ReplicaProcess, skewedClock, startReplica } from "../e2e/replica_process.ts";
import { linkReplicas } from "../harness/linked_replicas.ts";
import type { Link } from "../harness/linked_store.ts";
import { serverTest } from "../support/backends.ts";
import { type Attempt, convergenceFault, type Found } from "../support/convergence.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { type FaultProxy, startFaultProxy } from "../support/fault_proxy.ts";
import { type RedisServer, startRedis } from "../support/redis_server.ts";
import { attemptWrite, type ReplicaClient } from "../support/replica_client.ts";
import { propertyOptions, propertySeed } from "../support/seeded_random.ts";
import { waitFor } from "../support/wait_for.ts";

/** What a script does to its key, and when; it does not wait for what it did before. */
interface Step {
  readonly atMs: number;
  readonly replica: 0 | 1;
  readonly kind: "set" | "delete" | "get";
  readonly api: "rest" | "grpc";
}

function scripts(options: { lastsMs: number; maxLength: number }): fc.Arbitrary<Step[]> {
  const step: fc.Arbitrary<Step> = fc.record({
    atMs: fc.nat(options.lastsMs),
    replica: fc.constantFrom(0, 1),
    kind: fc.constantFrom("set", "set", "delete", "get"),
    api: fc.constantFrom("rest", "grpc"),
  });
  return fc.array(step, { minLength: 2, maxLength: options.maxLength });
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

Deno.test("two replicas converge: in process, fake store", async () => {
  const scriptMs = 300;
  const uncertaintyMs = 2;
  const distance = fc.record({
    latencyMs: fc.integer({ min: 1, max: 20 }),
    clockErrorMs: fc.integer({ min: -uncertaintyMs, max: uncertaintyMs }),
    uncertaintyMs: fc.constant(uncertaintyMs),
  });
  const linkChange = fc.record({
    atMs: fc.nat(scriptMs),
    replicas: fc.constantFrom([0, 1], [0], [1]),
    link: fc.constantFrom<Link>("up", "frozen", "mute", "dead", "cut"),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(distance, distance),
      scripts({ lastsMs: scriptMs, maxLength: 12 }),
      fc.array(linkChange, { maxLength: 6 }),
      async (distances, script, linkChanges) => {
        const clock = new FakeClock();
        const nowMs = (): number => clock.monotonicMs();
        const replicas = linkReplicas(clock, distances);
        const attempts: Promise<Attempt>[] = [];
        for (const { atMs, replicas: changed, link } of linkChanges) {
          clock.setTimer(() => {
            for (const i of changed) if (replicas[i] !== undefined) replicas[i].store.link = link;
          }, atMs);
        }
        for (const [i, { atMs, replica, kind }] of script.entries()) {
          const client = replicas[replica];
          assert(client !== undefined);
          clock.setTimer(() => {
            if (kind === "get") return void client.get("k", { noCache: false });
            const value = kind === "set" ? `value ${i}` : undefined;
            attempts.push(attemptWrite(client, { key: "k", value, nowMs }));
          }, atMs);
        }
        await clock.advance(scriptMs);
        for (const { store } of replicas) store.link = "up";
        await clock.advance(5000);

        for (const { local } of replicas) assert.equal(local.journal.size, 0);
        const checked = checkConverged(replicas, {
          key: "k",
          history: await Promise.all(attempts),
          gapMs: 2 * uncertaintyMs,
        });
        await Promise.all([checked, clock.advance(200)]);
      },
    ),
    propertyOptions({ numRuns: 2000 }),
  );
});

/** Reads near caches and store, and fails where they differ or hold what cannot be. */
async function checkConverged(
  replicas: readonly Pick<ReplicaClient, "get">[],
  { key, history, gapMs }: {
    readonly key: string;
    readonly history: readonly Attempt[];
    readonly gapMs: number;
  },
): Promise<void> {
  const told = JSON.stringify(history, null, 1);
  const reads: Found[] = [];
  for (const noCache of [false, true]) {
    for (const [i, replica] of replicas.entries()) {
      const { found, degraded } = await replica.get(key, { noCache });
      const fault = degraded
        ? "the answer is degraded"
        : convergenceFault(history, { found, gapMs });
      const where = noCache ? "Redis" : "its near cache";
      assert.equal(fault, undefined, `replica ${i} from ${where}: ${fault}: ${told}`);
      reads.push(found);
    }
  }
  for (const read of reads) assert.deepEqual(read, reads[0], told);
}

const SCRIPTS = 100;
const SCRIPT_MS = 900;
const OUTAGE_AFTER_MS = 200;
/** 1.5 s without an answer, and Redis' connections are given up and opened anew. */
const OUTAGE_MS = [100, 300, 500, 2000];
const NORMAL_WITHIN_MS = 10_000;
/** Enough for the invalidations of the last replays to arrive. */
const INVALIDATED_WITHIN_MS = 100;
/**
 * Twice what two busy cores make of the clocks' uncertainty on loopback; where a call takes longer,
 * so may the reading of a clock, whose uncertainty is half of that.
 */
const GAP_MS = 60;

interface World {
  readonly redis: RedisServer;
  /** Between the second replica and Redis. */
  readonly proxy: FaultProxy;
}

/** Outages, each of which is over when it resolves; `ms` is how long it lasts. */
const OUTAGES: Readonly<Record<string, (world: World, ms: number) => Promise<void>>> = {
  async "Redis killed"({ redis }, ms): Promise<void> {
    await redis.kill();
    await sleep(ms);
    await redis.restart({ keepData: true });
  },
  async "Redis frozen"({ redis }, ms): Promise<void> {
    redis.freeze();
    await sleep(ms);
    redis.thaw();
  },
  async "Redis frozen, then killed"({ redis }, ms): Promise<void> {
    redis.freeze();
    await sleep(ms);
    await redis.restart({ keepData: true });
  },
  async "one replica cut off"({ proxy }, ms): Promise<void> {
    proxy.refuse();
    proxy.cut();
    await sleep(ms);
    proxy.heal();
  },
  async "one replica unheard"({ proxy }, ms): Promise<void> {
    proxy.blackhole();
    await sleep(ms);
    proxy.heal();
  },
};

serverTest({
  name: "two replicas converge: processes, one with a wrong clock, and Redis in 20 outages",
  needs: ["redis-server", "faketime"],
  async fn(): Promise<void> {
    // Redis may forget what it acknowledged unless it syncs always; that is not what is tested.
    await using redis = await startRedis({ appendOnly: true, config: ["appendfsync always"] });
    await using proxy = await startFaultProxy({ target: redis });
    const settings = {
      REDIS_POOL_SIZE: "3",
      REDIS_READ_TIMEOUT: "150ms",
      REDIS_WRITE_TIMEOUT: "150ms",
    };
    await using a = await startReplica(redis.address, settings);
    await using b = await startReplica(proxy.address, {
      ...settings,
      ...await skewedClock("+5s"),
    });
    const { timestamp } = await b.service.logged("started");
    assert(Date.parse(String(timestamp)) > Date.now(), "the second clock is not ahead");

    const seed = propertySeed();
    const degraded = [0, 0];
    let gapMs = GAP_MS;
    let round = 0;
    for (const [name, outage] of Object.entries(OUTAGES)) {
      for (const outageMs of OUTAGE_MS) {
        round++;
        const batch = fc.sample(scripts({ lastsMs: SCRIPT_MS, maxLength: 8 }), {
          seed: seed + round,
          numRuns: SCRIPTS,
        });
        const running = batch.map((script, i) => runScript(script, [a, b], `${round}-${i}`));
        await sleep(OUTAGE_AFTER_MS);
        await outage({ redis, proxy }, outageMs);
        const records = await Promise.all(running);
        // One by one: a half-open breaker lets only some of many calls through. Not with no-cache,
        // which would replace the copies that are to be looked at.
        for (const { key } of records) {
          for (const { rest, service } of [a, b]) {
            await waitFor(async () => !(await rest.get(key, { noCache: false })).degraded, {
              deadlineMs: NORMAL_WITHIN_MS,
              what: `a normal answer from ${service.origin}; seed ${seed}, round ${round}: ${name}`,
            });
          }
        }
        await sleep(INVALIDATED_WITHIN_MS);
        gapMs = Math.max(gapMs, ...records.flatMap(({ attempts }) => attempts.map(timeOfStored)));
        await Promise.all(records.map(async ({ key, attempts }) => {
          const history = attempts.map(({ attempt }) => attempt);
          await checkConverged([patient(a), patient(b)], { key, history, gapMs });
          for (const { replica, attempt } of attempts) {
            if (attempt.outcome === "degraded") degraded[replica] = (degraded[replica] ?? 0) + 1;
          }
        }));
      }
    }
    assert(degraded.every((count) => count > SCRIPTS), `degraded writes: ${degraded}`);
    for (const { service } of [a, b]) {
      service.signal("SIGTERM");
      assert.equal((await service.ended).code, 0);
    }
  },
});

/** Reads again where Redis took too long for the short timeout: a busy machine may stand still. */
function patient({ rest }: ReplicaProcess): Pick<ReplicaClient, "get"> {
  return {
    get: (key, options) =>
      waitFor(async () => {
        const read = await rest.get(key, options);
        return read.degraded ? undefined : read;
      }, { deadlineMs: NORMAL_WITHIN_MS, what: `a normal answer for ${key}` }),
  };
}

interface Recorded {
  readonly key: string;
  readonly attempts: { readonly replica: 0 | 1; readonly attempt: Attempt }[];
}

/** How long a write took that Redis answered. */
function timeOfStored({ attempt }: Recorded["attempts"][number]): number {
  return attempt.outcome === "stored" ? attempt.endedAtMs - attempt.startedAtMs : 0;
}

async function runScript(
  script: readonly Step[],
  replicas: readonly [ReplicaProcess, ReplicaProcess],
  key: string,
): Promise<Recorded> {
  const attempts: Recorded["attempts"] = [];
  const nowMs = (): number => performance.now();
  await Promise.all(script.map(async ({ atMs, replica, kind, api }, i) => {
    await sleep(atMs);
    if (kind === "get") return void await replicas[replica].rest.get(key, { noCache: false });
    const value = kind === "set" ? `value ${i}` : undefined;
    const attempt = await attemptWrite(replicas[replica][api], { key, value, nowMs });
    attempts.push({ replica, attempt });
  }));
  return { key, attempts };
}

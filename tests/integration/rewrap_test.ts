// Requirement 7.4: keys are rotated while the service goes on.
import assert from "node:assert/strict";
import { type Entry, FLAG_ENCRYPTED, isLive } from "../../src/core/entry.ts";
import { Secret } from "../../src/core/secret.ts";
import { AesGcmEnvelope } from "../../src/crypto/aes_gcm_envelope.ts";
import { importKeys, KeyRing } from "../../src/crypto/key_ring.ts";
import { systemClock, systemRandom } from "../../src/system.ts";
import { callWithin, createService } from "../harness/cache_services.ts";
import { connectRedisStore } from "../harness/redis_stores.ts";
import { connectReplica, type Replica, type ReplicaOptions } from "../harness/replicas.ts";
import { serverTest } from "../support/backends.ts";
import { startRedisCluster } from "../support/redis_cluster.ts";
import { type RedisServer, startRedis } from "../support/redis_server.ts";
import { waitFor } from "../support/wait_for.ts";
import { SeededRandom } from "../support/seeded_random.ts";

const NAMESPACE = "rotated";
const KEYS = 2000;
/** Keys below are written and deleted all the while, those above stand. */
const BUSY_KEYS = 1000;
/** A prefix that would match other keys as a pattern. */
const PREFIX = "a*[b]?\\:";

const call = () => callWithin(systemClock);
const keyOf = (i: number): string => `k${i}-é{x}*`;

async function newKey(): ReturnType<typeof importKeys> {
  return await importKeys([new Secret(crypto.getRandomValues(new Uint8Array(32)).toBase64())]);
}

/** Writes and deletes keys of its own until it is stopped; `expected` is what then stands. */
class Writer {
  readonly expected = new Map<string, Uint8Array | undefined>();
  writes = 0;
  #isStopped = false;
  readonly #done: Promise<void>;

  constructor(replica: Replica, { own, seed }: { readonly own: string[]; readonly seed: number }) {
    this.#done = this.#run(replica, { own, random: new SeededRandom(seed) });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }

  async #run(
    { service }: Replica,
    { own, random }: { readonly own: string[]; readonly random: SeededRandom },
  ): Promise<void> {
    while (!this.#isStopped) {
      const start = random.uint32() % own.length;
      // Several at a time, each of another key, so that their order is known.
      await Promise.all(
        own.slice(start, start + 8).map(async (key) => {
          const isDelete = random.uint32() % 3 === 0;
          const value = isDelete ? undefined : random.bytes(20);
          if (value === undefined) await service.delete({ namespace: NAMESPACE, key }, call());
          else await service.set({ namespace: NAMESPACE, key, value, encrypt: true }, call());
          this.expected.set(key, value);
          this.writes++;
        }),
      );
    }
  }
}

async function checkRotation(
  options: ReplicaOptions,
  ttlMs: (key: string) => Promise<number>,
): Promise<void> {
  const oldKeys = await newKey();
  const ring = new KeyRing(oldKeys);
  const envelope = new AesGcmEnvelope({ ring, random: systemRandom });
  await using one = await connectReplica({ ...options, envelope, keyPrefix: PREFIX });
  await using other = await connectReplica({ ...options, envelope, keyPrefix: PREFIX });
  await using neighbour = await connectRedisStore({ ...options, keyPrefix: "a-b-\\:" });
  const expected = new Map<string, Uint8Array | undefined>();
  const write = async (key: string, encrypt: boolean): Promise<void> => {
    const value = crypto.getRandomValues(new Uint8Array(20));
    await one.service.set({ namespace: NAMESPACE, key, value, ttlSeconds: 300, encrypt }, call());
    expected.set(key, value);
  };
  const keys = Array.from({ length: KEYS }, (_, i) => keyOf(i));
  await Promise.all(keys.map((key) => write(key, true)));
  await write("plain", false);
  // Stands longer in Redis than its header says: until the end of the tombstone that it replaced.
  await other.service.delete({ namespace: NAMESPACE, key: keyOf(KEYS - 1) }, call());
  await write(keyOf(KEYS - 1), true);
  const neighbours = createService(neighbour.store, { clock: systemClock, envelope });
  await neighbours.set(
    { namespace: NAMESPACE, key: "k", value: Uint8Array.of(1), encrypt: true },
    call(),
  );
  const entryOf = async (key: string): Promise<Entry | undefined> =>
    (await one.store.get(`${NAMESPACE}:${key}`)).entry;
  const standing = keys.slice(BUSY_KEYS);
  const before = await Promise.all(standing.map(entryOf));
  const sample = standing.slice(-20);
  const ttlsBefore = await Promise.all(sample.map(ttlMs));
  const beforeMs = performance.now();

  const newKeys = await newKey();
  ring.replace([...newKeys, ...oldKeys]);
  const busy = keys.slice(0, BUSY_KEYS);
  const half = BUSY_KEYS / 2;
  const writers = [
    new Writer(one, { own: busy.slice(0, half), seed: 1 }),
    new Writer(other, { own: busy.slice(half), seed: 2 }),
  ];
  await waitFor(() => writers.every(({ writes }) => writes > 0), {
    deadlineMs: 5000,
    what: "the first writes",
  });
  const run = await one.service.rewrap(NAMESPACE, call());
  await run.done;
  await Promise.all(writers.map((writer) => writer.stop()));
  for (const writer of writers) {
    for (const [key, value] of writer.expected) expected.set(key, value);
  }

  const { scanned, rewrapped, plain, invalid, failed } = run.progress();
  assert(scanned > KEYS, `${scanned} scanned`);
  assert(rewrapped >= standing.length, `${rewrapped} rewrapped`);
  assert.deepEqual({ plain, invalid, failed }, { plain: 1, invalid: 0, failed: 0 });
  for (const [i, key] of standing.entries()) {
    const entry = await entryOf(key);
    const payload = before[i]?.payload;
    assert.deepEqual({ ...entry, payload }, before[i], key);
  }
  const elapsedMs = performance.now() - beforeMs;
  for (const [i, ttl] of (await Promise.all(sample.map(ttlMs))).entries()) {
    const agedMs = (ttlsBefore[i] ?? 0) - ttl;
    assert(agedMs >= 0 && agedMs <= elapsedMs + 1000, `${agedMs} ms of ${elapsedMs}`);
  }
  for (const [key, value] of expected) {
    const entry = await entryOf(key);
    const isSealed = entry !== undefined && isLive(entry, one.store.time.nowMs()) &&
      (entry.flags & FLAG_ENCRYPTED) !== 0;
    assert.equal(isSealed, key !== "plain" && value !== undefined, key);
    if (isSealed) assert(envelope.isCurrent(entry.payload), key);
    for (const { service } of [one, other]) {
      const read = await service.get({ namespace: NAMESPACE, key }, call());
      assert.deepEqual(read.found ? [...read.value] : undefined, value && [...value], key);
    }
  }
  await checkCopy(one, other);
  const again = await other.service.rewrap(NAMESPACE, call());
  await again.done;
  const { rewrapped: left, failed: lost } = again.progress();
  assert.deepEqual({ left, lost }, { left: 0, lost: 0 });
  const untouched = (await neighbour.store.get(`${NAMESPACE}:k`)).entry;
  assert(untouched !== undefined && !envelope.isCurrent(untouched.payload));
}

/** A near copy from before the rewrap still answers, and still ends with a change elsewhere. */
async function checkCopy(one: Replica, other: Replica): Promise<void> {
  const request = { namespace: NAMESPACE, key: keyOf(KEYS - 2) };
  const copy = await one.service.get(request, call());
  assert.equal(copy.found && copy.source, "local");
  const value = Uint8Array.of(1);
  await other.service.set({ ...request, value, encrypt: true }, call());
  await waitFor(async () => {
    const read = await one.service.get(request, call());
    return read.found && read.value.length === 1;
  }, { deadlineMs: 5000, what: "the change to reach the near copy" });
}

/** Milliseconds that Redis still keeps a key, by whichever server has it. */
async function pttl(servers: readonly RedisServer[], key: string): Promise<number> {
  for (const server of servers) {
    const reply = await server.command("PTTL", `${PREFIX}${NAMESPACE}:${key}`).catch(String);
    if (Number(reply) >= 0) return Number(reply);
  }
  throw new Error(`no server has ${key}`);
}

serverTest({
  name: "rewrap under load loses nothing, revives nothing, and leaves no old key on Redis",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis();
    await checkRotation({ addresses: [redis.address] }, (key) => pttl([redis], key));
  },
});

serverTest({
  name: "rewrap under load loses nothing, revives nothing, and leaves no old key on a Cluster",
  needs: ["redis-server", "redis-cli"],
  async fn(): Promise<void> {
    await using cluster = await startRedisCluster();
    await checkRotation(
      { addresses: cluster.addresses, clusterMode: true },
      (key) => pttl(cluster.nodes, key),
    );
  },
});

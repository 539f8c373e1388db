// Requirements 8.2, 8.3, 9.1: how the service gets into Redis, and what it meets there.
import assert from "node:assert/strict";
import { systemClock } from "../../src/system.ts";
import { callWithin, createService } from "../harness/cache_services.ts";
import {
  connectRedisStore,
  openRedisStore,
  type TestStoreOptions,
} from "../harness/redis_stores.ts";
import { readProject } from "../deploy/deploy_files.ts";
import { set, untilCopied } from "../faults/one_byte.ts";
import { connectReplica } from "../harness/replicas.ts";
import { serverTest } from "../support/backends.ts";
import { startRedisCluster } from "../support/redis_cluster.ts";
import { startRedis } from "../support/redis_server.ts";
import { beginSlotMove } from "../support/slot_move.ts";

const call = () => callWithin(systemClock);
const value = Uint8Array.of(1);
const request = { namespace: "access", key: "k" };

/** The least that a Redis user needs, as docs/operating.md tells operators. */
const MINIMAL_ACL =
  "app on >secret-of-app resetchannels &__redis__:invalidate ~cache:* -@all +get +getrange +strlen " +
  "+evalsha +eval +set +del +exists +time +info +ping +hello +client +subscribe";

async function roundTrip(options: TestStoreOptions): Promise<void> {
  await using connected = await connectRedisStore(options);
  const service = createService(connected.store, { clock: systemClock });
  await service.set({ ...request, value }, call());
  assert.equal((await service.get(request, call())).found, true);
  assert.equal((await service.delete(request, call())).deleted, true);
  assert.equal(
    (await service.batchGet({ namespace: "access", keys: ["k"] }, call())).missingKeys.length,
    1,
  );
}

serverTest({
  name: "a password opens Redis, a wrong one leaves the service degraded",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis({ password: "right-password" });
    await roundTrip({ addresses: [redis.address], password: "right-password" });
    const store = openRedisStore({ addresses: [redis.address], password: "wrong-password" });
    try {
      const service = createService(store, { clock: systemClock });
      await assert.rejects(service.set({ ...request, value }, call()), {
        code: "redis_unavailable",
      });
      assert.equal(service.health().degraded, true);
    } finally {
      await store.close();
    }
  },
});

serverTest({
  name: "a user with the documented minimal rights is enough",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis({ aclUsers: [MINIMAL_ACL] });
    const options = { addresses: [redis.address], username: "app", password: "secret-of-app" };
    await roundTrip(options);
    await using replica = await connectReplica(options);
    await set(replica, { byte: 1 });
    await untilCopied(replica);
    assert(
      readProject("docs/operating.md").includes(MINIMAL_ACL.replace("secret-of-app", "PASSWORD")),
    );
  },
});

serverTest({
  name: "a scan needs the right that is documented for it",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    const rights = { "least": MINIMAL_ACL, "scan": `${MINIMAL_ACL} +scan` };
    await using redis = await startRedis({
      aclUsers: Object.entries(rights).map(([name, acl]) => acl.replace(/^app/, name)),
    });
    const scan = async (username: string): Promise<readonly string[]> => {
      const addresses = [redis.address];
      const password = "secret-of-app";
      await using connected = await connectRedisStore({ addresses, username, password });
      const service = createService(connected.store, { clock: systemClock });
      await service.set({ ...request, value }, call());
      return (await Array.fromAsync(connected.store.scan("access"))).flat();
    };
    await assert.rejects(scan("least"), { code: "redis_unavailable" });
    assert.deepEqual(await scan("scan"), ["access:k"]);
  },
});

serverTest({
  name: "TLS with a private authority works, and without it the server is not trusted",
  needs: ["redis-server", "openssl"],
  async fn(): Promise<void> {
    await using redis = await startRedis({ tls: true });
    assert(redis.tls !== undefined);
    const address = `localhost:${redis.tls.port}`;
    await roundTrip({
      addresses: [address],
      tls: { ca: await Deno.readTextFile(redis.tls.caFile) },
    });
    const store = openRedisStore({ addresses: [address], tls: {} });
    try {
      const service = createService(store, { clock: systemClock });
      await assert.rejects(service.set({ ...request, value }, call()), {
        code: "redis_unavailable",
      });
    } finally {
      await store.close();
    }
  },
});

serverTest({
  name: "writes go on where Redis forgot the script",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis();
    await using connected = await connectRedisStore({ addresses: [redis.address] });
    const service = createService(connected.store, { clock: systemClock });
    for (let i = 0; i < 3; i++) {
      await redis.command("SCRIPT", "FLUSH");
      const entries = new Map(Array.from({ length: 50 }, (_, key) => [`${key}`, value]));
      const { storedCount } = await service.batchSet({ namespace: "access", entries }, call());
      assert.equal(storedCount, 50);
    }
  },
});

serverTest({
  name: "what is no entry is entry_invalid on get, an error in a batch, and can be overwritten",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis();
    await using connected = await connectRedisStore({ addresses: [redis.address] });
    const service = createService(connected.store, { clock: systemClock });
    await redis.command("LPUSH", "cache:access:list", "x");
    await redis.command("SET", "cache:access:text", "not an entry of this service");
    for (const key of ["list", "text"]) {
      await assert.rejects(service.get({ namespace: "access", key }, call()), {
        code: "entry_invalid",
      });
    }
    const keys = ["list", "text", "absent"];
    const batch = await service.batchGet({ namespace: "access", keys }, call());
    assert.deepEqual([...batch.errors], [["list", "entry_invalid"], ["text", "entry_invalid"]]);
    assert.deepEqual(batch.missingKeys, ["absent"]);
    assert.equal(batch.degraded, false);
    for (const key of ["list", "text"]) {
      assert.equal((await service.delete({ namespace: "access", key }, call())).deleted, true);
      await service.set({ namespace: "access", key, value }, call());
      assert.equal((await service.get({ namespace: "access", key }, call())).found, true);
    }
  },
});

serverTest({
  name: "the key in Redis is prefix, namespace, colon, key; its life is the TTL",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis();
    await using connected = await connectRedisStore({
      addresses: [redis.address],
      tombstoneTtlMs: 0,
    });
    const service = createService(connected.store, { clock: systemClock });
    await service.set({ namespace: "team", key: "a:b", value, ttlSeconds: 100 }, call());
    assert.match(await redis.command("TTL", "cache:team:a:b"), /^:?(99|100)$/);
    // A tombstone TTL of 0 deletes outright.
    await service.delete({ namespace: "team", key: "a:b" }, call());
    assert.match(await redis.command("EXISTS", "cache:team:a:b"), /^:?0$/);
  },
});

serverTest({
  name: "a set over a tombstone keeps the key for the tombstone's time, the value for its own",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis();
    await using connected = await connectRedisStore({ addresses: [redis.address] });
    const service = createService(connected.store, { clock: systemClock });
    await service.delete({ namespace: "team", key: "k" }, call());
    await service.set({ namespace: "team", key: "k", value, ttlSeconds: 5 }, call());
    const read = await service.get({ namespace: "team", key: "k" }, call());
    assert(read.found);
    assert.equal(read.ttlSeconds, 5);
    const kept = Number((await redis.command("TTL", "cache:team:k")).replace(":", ""));
    assert(kept > 500 && kept <= 601, `kept ${kept} s`);
  },
});

serverTest({
  name: "a slot that moves while it is written to loses nothing",
  needs: ["redis-server", "redis-cli"],
  async fn(): Promise<void> {
    await using cluster = await startRedisCluster();
    await using connected = await connectRedisStore({
      addresses: cluster.addresses,
      clusterMode: true,
    });
    const service = createService(connected.store, { clock: systemClock });
    // One tag, so one slot, on whichever node; other keys share its node's pipelines.
    const tagged = Array.from({ length: 20 }, (_, i) => `{moving}-${i}`);
    const others = Array.from({ length: 80 }, (_, i) => `other-${i}`);
    const entries = new Map([...tagged, ...others].map((key) => [key, value]));
    await service.batchSet({ namespace: "n", entries }, call());

    let moving = true;
    const move = async (): Promise<void> => {
      const slot = await beginSlotMove(cluster.nodes, { key: "cache:n:{moving}-0" });
      for (const key of tagged) {
        await slot.migrate(`cache:n:${key}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      const { entry, lease } = await connected.store.get("n:{moving}-0");
      assert(entry !== undefined && lease?.superseded(), "a redirected read is not to be kept");
      await slot.end();
      moving = false;
    };
    const moved = move().catch((error) => error);
    let rounds = 0;
    while (rounds < 1000 && (moving || rounds < 3)) {
      const written = await service.batchSet({ namespace: "n", entries }, call());
      assert.deepEqual(written, { success: true, storedCount: 100, degraded: false });
      const keys = [...entries.keys()];
      const read = await service.batchGet({ namespace: "n", keys }, call());
      assert.deepEqual([read.values.size, read.errors.size, read.degraded], [100, 0, false]);
      rounds++;
    }
    assert.equal(await moved, undefined);
  },
});

serverTest({
  name: "a write's time limit goes by the clock of the node that carries it out",
  needs: ["redis-server", "redis-cli"],
  async fn(): Promise<void> {
    await using cluster = await startRedisCluster();
    await using connected = await connectRedisStore({
      addresses: cluster.addresses,
      clusterMode: true,
    });
    const { store } = connected;
    const [slow = ""] = cluster.addresses;
    const stamp = { ms: 1, counter: 0, writer: 1 };
    const entry = { flags: 0, stamp, expiresAtMs: store.time.nowMs() + 60_000, payload: value };
    // No clock can be set here, so the process is told of one: what it reckons by is behind Redis'.
    const sentAtMs = systemClock.monotonicMs();
    store.time.learn(slow, { timeMs: store.time.nowMs() - 10_000, sentAtMs });
    const outcomes = await Promise.all(Array.from({ length: 90 }, (_, i) => {
      const deadlineMs = systemClock.monotonicMs() + 5_000;
      return store.write({ key: `n:k${i}`, entry, mode: "ordinary", deadlineMs });
    }));
    const late = outcomes.filter(({ status }) => status === "late").length;
    assert(late > 15 && late < 60, `${late} were late`);
    assert.equal(outcomes.filter(({ status }) => status === "written").length, 90 - late);
  },
});

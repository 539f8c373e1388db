// Requirements 8.3: a Redis Cluster grows, and serves every key meanwhile.
import assert from "node:assert/strict";
import type { CacheService } from "../../src/cache/cache_service.ts";
import { systemClock } from "../../src/system.ts";
import { callWithin, createService } from "../harness/cache_services.ts";
import { connectRedisStore } from "../harness/redis_stores.ts";
import { serverTest } from "../support/backends.ts";
import { clientsOf } from "../support/redis_client_list.ts";
import { startRedisCluster } from "../support/redis_cluster.ts";
import { type RedisServer, startRedis } from "../support/redis_server.ts";
import { beginSlotMove } from "../support/slot_move.ts";
import { waitFor } from "../support/wait_for.ts";
import { NAMESPACE } from "./one_byte.ts";

const POOL_SIZE = 3;
/** One tag, so one slot. */
const KEYS = Array.from({ length: 20 }, (_, i) => `{growing}-${i}`);

function redisKey(key: string): string {
  return `cache:${NAMESPACE}:${key}`;
}

async function write(service: CacheService, key: string, byte: number): Promise<void> {
  const request = { namespace: NAMESPACE, key, value: Uint8Array.of(byte) };
  const { degraded } = await service.set(request, callWithin(systemClock));
  assert.equal(degraded, false, `${key} is written degraded`);
}

async function readByte(service: CacheService, key: string): Promise<number | undefined> {
  const answer = await service.get({ namespace: NAMESPACE, key }, callWithin(systemClock));
  assert.equal(answer.degraded, false, `${key} is read degraded`);
  return answer.found ? answer.value[0] : undefined;
}

/** Makes `node` known to all nodes of a Cluster. */
async function meet(nodes: readonly RedisServer[], node: RedisServer): Promise<void> {
  const [first] = nodes;
  assert(first !== undefined);
  await node.command("CLUSTER", "MEET", first.host, `${first.port}`);
  const ids = await Promise.all([...nodes, node].map((each) => each.command("CLUSTER", "MYID")));
  await waitFor(async () => {
    const views = await Promise.all(
      [...nodes, node].map((each) => each.command("CLUSTER", "NODES")),
    );
    return views.every((view) => ids.every((id) => view.includes(id))) &&
      (await node.command("CLUSTER", "INFO")).includes("cluster_state:ok");
  }, { deadlineMs: 20_000, what: "the new node to be known", intervalMs: 50 });
}

serverTest({
  name: "a slot moves to a new, empty master: moved, unmoved and new keys are all served",
  needs: ["redis-server", "redis-cli"],
  async fn(): Promise<void> {
    await using cluster = await startRedisCluster();
    await using target = await startRedis({ cluster: true });
    await meet(cluster.nodes, target);
    const options = { addresses: cluster.addresses, clusterMode: true, poolSize: POOL_SIZE };
    await using connected = await connectRedisStore(options);
    const service = createService(connected.store, { clock: systemClock });
    await Promise.all(KEYS.map((key) => write(service, key, 1)));

    const move = await beginSlotMove(cluster.nodes, { key: redisKey("{growing}"), target });
    const migrate = async (keys: readonly string[]): Promise<void> => {
      for (const key of keys) await move.migrate(redisKey(key));
    };
    await migrate(KEYS.slice(0, 10));
    // All at once, while no connection leads to the new master yet.
    assert.deepEqual(
      await Promise.all(KEYS.map((key) => readByte(service, key))),
      KEYS.map(() => 1),
    );
    await Promise.all(KEYS.map((key) => write(service, key, 2)));
    const fresh = KEYS.map((key) => `${key}-new`);
    for (const key of fresh) assert.equal(await readByte(service, key), undefined);
    await Promise.all(fresh.map((key) => write(service, key, 2)));
    for (const key of [...KEYS, ...fresh]) assert.equal(await readByte(service, key), 2);

    {
      await using brief = await connectRedisStore(options);
      const other = createService(brief.store, { clock: systemClock });
      for (const key of KEYS) assert.equal(await readByte(other, key), 2);
    }

    await migrate(KEYS.slice(10));
    await move.end();
    // The first of them learns by MOVED of a node that is connected to only then.
    await Promise.all(KEYS.map((key) => write(service, key, 3)));
    for (const key of KEYS) assert.equal(await readByte(service, key), 3);
    // One is that of MIGRATE.
    await waitFor(async () => (await clientsOf(target)).length <= POOL_SIZE + 1, {
      deadlineMs: 3000,
      what: "the Cluster's own connections to the new master to be the only ones",
    });
  },
});

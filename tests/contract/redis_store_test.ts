import { serverTest } from "../support/backends.ts";
import { startRedisCluster } from "../support/redis_cluster.ts";
import { startRedis } from "../support/redis_server.ts";
import { connectRedisStore } from "../harness/redis_stores.ts";
import { checkStoreContract, CONTRACT_TOMBSTONE_TTL_MS } from "./store_contract.ts";

const monotonicMs = () => performance.now();

serverTest({
  name: "the Redis store keeps the store contract on a single server",
  needs: ["redis-server"],
  async fn(context): Promise<void> {
    await using redis = await startRedis();
    await using connected = await connectRedisStore({
      addresses: [redis.address],
      tombstoneTtlMs: CONTRACT_TOMBSTONE_TTL_MS,
    });
    await checkStoreContract(context, { store: connected.store, monotonicMs });
  },
});

serverTest({
  name: "the Redis store keeps the store contract on a Cluster of three masters",
  needs: ["redis-server", "redis-cli"],
  async fn(context): Promise<void> {
    await using cluster = await startRedisCluster();
    await using connected = await connectRedisStore({
      addresses: cluster.addresses,
      clusterMode: true,
      tombstoneTtlMs: CONTRACT_TOMBSTONE_TTL_MS,
    });
    await checkStoreContract(context, { store: connected.store, monotonicMs });
  },
});

// Requirements 8.2, 8.5: a replica that says it is ready on a Cluster serves every key from then on.
import assert from "node:assert/strict";
import { systemClock } from "../../src/system.ts";
import { callWithin, createService } from "../harness/cache_services.ts";
import { RecordingLogger } from "../harness/recording_logger.ts";
import { connectRedisStore, openRedisStore } from "../harness/redis_stores.ts";
import { serverTest } from "../support/backends.ts";
import { freePort } from "../support/free_port.ts";
import { startRedisCluster } from "../support/redis_cluster.ts";
import { startRedis } from "../support/redis_server.ts";
import { waitFor } from "../support/wait_for.ts";

/**
 * A single client mostly learns of its nodes in the same turn in which its first connection answers;
 * of many, all must be waited for.
 */
const STARTS = [{ poolSize: 1, times: 20 }, { poolSize: 10, times: 5 }];

serverTest({
  name: "every key is served from the moment at which the store is connected",
  needs: ["redis-server", "redis-cli"],
  async fn(): Promise<void> {
    await using cluster = await startRedisCluster();
    const entries = new Map(Array.from({ length: 1000 }, (_, i) => [`k${i}`, Uint8Array.of(1)]));
    const addresses = cluster.addresses.slice(0, 1);
    for (const { poolSize, times } of STARTS) {
      for (let start = 0; start < times; start++) {
        await using connected = await connectRedisStore({ addresses, clusterMode: true, poolSize });
        assert.equal(connected.store.status(), "connected");
        const service = createService(connected.store, { clock: systemClock });
        const stored = await service.batchSet({ namespace: "n", entries }, callWithin(systemClock));
        assert.deepEqual(stored, { success: true, storedCount: 1000, degraded: false });
      }
    }
  },
});

serverTest({
  name: "the log says why the nodes of a Cluster let nobody in",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using node = await startRedis({ cluster: true });
    const stranger = { username: "stranger", password: "wrong" };
    for (
      const { reason, ...access } of [
        { reason: "WRONGPASS", addresses: [node.address], ...stranger },
        { reason: "ECONNREFUSED", addresses: [`127.0.0.1:${freePort()}`] },
      ]
    ) {
      const logger = new RecordingLogger();
      const store = openRedisStore({ clusterMode: true, logger, ...access });
      await using _closed = { [Symbol.asyncDispose]: () => store.close() };
      await waitFor(() => logger.faults.some((line) => line.includes(reason)), {
        deadlineMs: 5000,
        what: `${reason} in the log`,
      });
    }
  },
});

// Requirements 8.3, 10.1: a Redis Cluster is found whenever it comes, and whatever goes from it is
// left.
import assert from "node:assert/strict";
import { FailureLog } from "../../src/store/failure_log.ts";
import { closeRedisClient, openRedisClients } from "../../src/store/redis_clients.ts";
import { RedisRouter } from "../../src/store/redis_router.ts";
import type { RedisStore } from "../../src/store/redis_store.ts";
import { systemClock } from "../../src/system.ts";
import { callWithin, createService } from "../harness/cache_services.ts";
import { openRedisStore } from "../harness/redis_stores.ts";
import { silentLogger } from "../harness/silent.ts";
import { serverTest } from "../support/backends.ts";
import { freePort } from "../support/free_port.ts";
import { startRedisCluster } from "../support/redis_cluster.ts";
import { freeClusterPort } from "../support/redis_server.ts";
import { waitFor } from "../support/wait_for.ts";

const FOUND_WITHIN_MS = 30_000;

function reservePorts(): number[] {
  return Array.from({ length: 3 }, () => freeClusterPort());
}

function addressesOf(ports: readonly number[]): string[] {
  return ports.map((port) => `127.0.0.1:${port}`);
}

async function untilStatus(store: RedisStore, status: "connected" | "disconnected"): Promise<void> {
  await waitFor(() => store.status() === status, {
    deadlineMs: FOUND_WITHIN_MS,
    what: `the store to be ${status}`,
  });
}

async function untilServes(store: RedisStore): Promise<void> {
  const service = createService(store, { clock: systemClock });
  const entries = new Map(Array.from({ length: 100 }, (_, i) => [`k${i}`, Uint8Array.of(1)]));
  await waitFor(
    async () =>
      (await service.batchSet({ namespace: "n", entries }, callWithin(systemClock))).success,
    { deadlineMs: FOUND_WITHIN_MS, what: "every key to be served", intervalMs: 100 },
  );
}

/** What a store is given before there is a Cluster at `ports`. */
const GIVEN: Readonly<Record<string, (ports: readonly number[]) => readonly string[]>> = {
  "whose nodes refuse connections at first": addressesOf,
  "of which only one of several addresses comes to be": (ports) =>
    addressesOf([freePort(), ...ports.slice(0, 1), freePort()]),
};

for (const [which, given] of Object.entries(GIVEN)) {
  serverTest({
    name: `a Cluster ${which} is found when it is there`,
    needs: ["redis-server", "redis-cli"],
    async fn(): Promise<void> {
      const ports = reservePorts();
      const store = openRedisStore({ addresses: given(ports), clusterMode: true });
      await using _closed = { [Symbol.asyncDispose]: () => store.close() };
      await untilStatus(store, "disconnected");
      await using _cluster = await startRedisCluster({ ports });
      await untilStatus(store, "connected");
      await store.connected;
      await untilServes(store);
    },
  });
}

serverTest({
  name: "a Cluster all of whose nodes went away is found when they are back",
  needs: ["redis-server", "redis-cli"],
  async fn(): Promise<void> {
    await using cluster = await startRedisCluster();
    const store = openRedisStore({ addresses: cluster.addresses, clusterMode: true });
    await using _closed = { [Symbol.asyncDispose]: () => store.close() };
    await untilStatus(store, "connected");
    await Promise.all(cluster.nodes.map((node) => node.kill()));
    await untilStatus(store, "disconnected");
    await Promise.all(cluster.nodes.map((node) => node.restart({ keepData: false })));
    await untilStatus(store, "connected");
    await untilServes(store);
  },
});

serverTest({
  name: "a Cluster all of whose nodes have other addresses is found by those that were given",
  needs: ["redis-server", "redis-cli"],
  async fn(): Promise<void> {
    const ports = reservePorts();
    await using before = await startRedisCluster();
    const addresses = [...before.addresses, ...addressesOf(ports.slice(0, 1))];
    const store = openRedisStore({ addresses, clusterMode: true });
    await using _closed = { [Symbol.asyncDispose]: () => store.close() };
    await untilStatus(store, "connected");
    await before.stop();
    await untilStatus(store, "disconnected");
    await using _cluster = await startRedisCluster({ ports });
    await untilStatus(store, "connected");
    await untilServes(store);
  },
});

serverTest({
  name: "a store closes while no node of its Cluster can be reached",
  needs: ["redis-server", "redis-cli"],
  async fn(): Promise<void> {
    await using cluster = await startRedisCluster();
    const away = openRedisStore({ addresses: addressesOf(reservePorts()), clusterMode: true });
    const lost = openRedisStore({ addresses: cluster.addresses, clusterMode: true });
    await untilStatus(lost, "connected");
    await cluster.stop();
    await Promise.all([untilStatus(away, "disconnected"), untilStatus(lost, "disconnected")]);
    await Promise.all([away.close(), lost.close()]);
  },
});

serverTest({
  name: "a replica that leaves the Cluster while it cannot be reached is forgotten",
  needs: ["redis-server", "redis-cli"],
  async fn(): Promise<void> {
    await using cluster = await startRedisCluster({ replicasPerMaster: 1 });
    const [client] = openRedisClients({
      addresses: cluster.nodes.slice(0, 3),
      clusterMode: true,
      poolSize: 1,
      db: 0,
      dialTimeoutMs: 5000,
    }, {
      jitter: Math.random,
      failures: new FailureLog({ clock: systemClock, logger: silentLogger }),
    });
    const replica = cluster.nodes[3];
    assert(client !== undefined && replica !== undefined);
    await using _closed = { [Symbol.asyncDispose]: () => closeRedisClient(client, systemClock) };
    const router = new RedisRouter(client);
    const untilReplica = (status: string | undefined): Promise<unknown> =>
      waitFor(async () => {
        await router.refresh();
        return router.connectionTo(replica.address)?.status === status;
      }, { deadlineMs: FOUND_WITHIN_MS, what: `the connection to be ${status ?? "forgotten"}` });

    await untilReplica("ready");
    await replica.kill();
    await untilReplica("reconnecting");
    await untilReplica(undefined);
  },
});

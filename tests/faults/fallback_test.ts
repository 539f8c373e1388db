// Requirements 10.2, 10.4: where Redis does not say what changes, copies serve outages only.
import assert from "node:assert/strict";
import type { Logger } from "../../src/core/telemetry.ts";
import { startTestApp } from "../harness/apps.ts";
import { connectReplica, type Replica, type ReplicaOptions } from "../harness/replicas.ts";
import { silentLogger } from "../harness/silent.ts";
import { serverTest } from "../support/backends.ts";
import { startFaultProxy } from "../support/fault_proxy.ts";
import { type RedisOptions, type RedisServer, startRedis } from "../support/redis_server.ts";
import { waitFor } from "../support/wait_for.ts";
import { pause, read, set } from "./one_byte.ts";

const USER = { username: "app", password: "secret-of-app" };
const RIGHTS =
  "app on >secret-of-app resetchannels ~cache:* -@all +get +getrange +strlen +evalsha " +
  "+eval +set +del +exists +time +info +ping +hello";

interface Refusal {
  readonly name: string;
  readonly server: RedisOptions;
  readonly client: Partial<ReplicaOptions>;
  readonly isLogged: boolean;
}

const REFUSALS: readonly Refusal[] = [
  {
    name: "the user may not use CLIENT TRACKING",
    server: {
      aclUsers: [`${RIGHTS} +subscribe &__redis__:invalidate +client|id`],
    },
    client: USER,
    isLogged: true,
  },
  {
    name: "the user may use no CLIENT command",
    server: { aclUsers: [`${RIGHTS} +subscribe &__redis__:invalidate`] },
    client: USER,
    isLogged: true,
  },
  {
    name: "the user may not hear the channel of invalidations",
    server: { aclUsers: [`${RIGHTS} +subscribe +client`] },
    client: USER,
    isLogged: true,
  },
  {
    name: "the server has no CLIENT command",
    server: { config: ['rename-command CLIENT ""'] },
    client: {},
    isLogged: true,
  },
  { name: "it is configured", server: {}, client: { mode: "fallback" }, isLogged: false },
];

/** Redis is asked each time, another's writes are seen at once, and an outage is bridged. */
async function checkFallback(replica: Replica, redis: RedisServer): Promise<void> {
  await using proxy = await startFaultProxy({ target: redis });
  await using other = await connectReplica({ addresses: [proxy.address], mode: "fallback" });
  for (let byte = 1; byte <= 20; byte++) {
    await set(replica, { byte });
    assert.deepEqual(await read(replica), { byte, from: "redis" });
    await set(other, { byte: byte + 100 });
    assert.deepEqual(await read(replica), { byte: byte + 100, from: "redis" });
  }
  // Where changes are reported, the last of them may have taken the copy of the read before it.
  await pause(100);
  await read(replica);
  await redis.kill();
  await waitFor(async () => {
    const answer = await read(replica);
    assert.equal(answer.byte, 120);
    return answer.from === "local degraded";
  }, { deadlineMs: 5000, what: "the copy to be answered" });
  assert.equal(await set(replica, { key: "owed", byte: 7 }), true);
  await redis.restart({ keepData: true });
  await waitFor(() => replica.local.journal.size === 0, { deadlineMs: 5000, what: "the replay" });
  await waitFor(async () => (await read(replica, "owed")).from === "redis", {
    deadlineMs: 5000,
    what: "normal answers",
  });
}

for (const { name, server, client, isLogged } of REFUSALS) {
  serverTest({
    name: `Redis is asked first, copies serve outages, where ${name}`,
    needs: ["redis-server"],
    async fn(): Promise<void> {
      await using redis = await startRedis({ appendOnly: true, ...server });
      const warnings: string[] = [];
      const logger: Logger = { ...silentLogger, warn: (message) => void warnings.push(message) };
      const options = { addresses: [redis.address], timeoutMs: 1000, ...client, logger };
      await using replica = await connectReplica(options);
      if (isLogged) {
        await waitFor(() => replica.service.health().localCacheMode === "fallback", {
          deadlineMs: 5000,
          what: "health to say so",
        });
      }
      assert.equal(replica.service.health().localCacheMode, "fallback");
      const said = warnings.filter((message) => message.includes("refuses to track"));
      assert.equal(said.length, isLogged ? 1 : 0, warnings.join("; "));
      await checkFallback(replica, redis);
    },
  });
}

serverTest({
  name: "CACHE_LOCAL_CACHE_MODE=fallback: REST answers from Redis and health says so",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis();
    await using app = await startTestApp({
      REDIS_ADDRESSES: redis.address,
      CACHE_LOCAL_CACHE_MODE: "fallback",
      SERVER_GRACEFUL_TIMEOUT: "500ms",
    });
    await app.rest.set({ namespace: "n", key: "k", value: Uint8Array.of(1) });
    for (let i = 0; i < 5; i++) {
      const answer = await app.rest.get("n", "k");
      assert.equal(answer.found && answer.source, "redis");
      await pause(100);
    }
    const health = await (await fetch(`${app.origin}/health`)).json();
    assert.equal(health.local_cache_mode, "fallback");
    await redis.kill();
    await waitFor(async () => {
      const answer = await app.rest.get("n", "k");
      return answer.found && answer.source === "local" && answer.degraded;
    }, { deadlineMs: 5000, what: "the copy to be answered" });
  },
});

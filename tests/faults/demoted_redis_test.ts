// Requirements 7.2, 10.3: Redis fails over behind a name, and the old master lives on as a replica.
import assert from "node:assert/strict";
import { connectReplica, type Replica } from "../harness/replicas.ts";
import { serverTest } from "../support/backends.ts";
import { type FaultProxy, startFaultProxy } from "../support/fault_proxy.ts";
import { type RedisServer, startRedis } from "../support/redis_server.ts";
import { waitFor } from "../support/wait_for.ts";
import { pause, read, remove, set, untilCopied } from "./one_byte.ts";

const KEYS = Array.from({ length: 50 }, (_, i) => `demoted-${i}`);
const DEADLINE = { deadlineMs: 15_000 };
/** More than one look for the new master. */
const WINDOW_MS = 5_000;

async function follow(replica: RedisServer, master: RedisServer): Promise<void> {
  await replica.command("REPLICAOF", "127.0.0.1", `${master.port}`);
  await waitFor(
    async () => (await replica.command("INFO", "replication")).includes("master_link_status:up"),
    { ...DEADLINE, what: "the replica to follow" },
  );
}

/** Writes to the new master alone are acknowledged as not degraded. */
async function untilWritten(replica: Replica, byte: number): Promise<void> {
  await waitFor(async () => {
    const writes = await Promise.all(KEYS.map((key) => set(replica, { key, byte })));
    return writes.every((isDegraded) => !isDegraded);
  }, { ...DEADLINE, what: "every write to reach the new master" });
}

/** A replica of the service over a Redis that has become a replica of another. */
async function afterFailover(
  check: (parts: { replica: Replica; proxy: FaultProxy; next: RedisServer }) => Promise<void>,
): Promise<void> {
  await using old = await startRedis();
  await using next = await startRedis();
  await follow(next, old);
  await using proxy = await startFaultProxy({ target: old });
  await using replica = await connectReplica({ addresses: [proxy.address], timeoutMs: 1000 });
  await Promise.all(KEYS.map((key) => set(replica, { key, byte: 1 })));
  await Promise.all(KEYS.map((key) => untilCopied(replica, key)));
  await next.command("REPLICAOF", "NO", "ONE");
  await follow(old, next);
  // Where the old master had to take all data anew it was empty for a moment, which drops all copies.
  await Promise.all(KEYS.map((key) => untilCopied(replica, key)));
  await check({ replica, proxy, next });
}

serverTest({
  name: "a master that becomes a replica is left for the one that its name leads to",
  needs: ["redis-server"],
  fn: () =>
    afterFailover(async ({ replica, proxy, next }) => {
      // Like a name's new address: connections that are there stay with the old master.
      proxy.retarget(next);
      await untilWritten(replica, 2);
      await Promise.all(KEYS.map((key) => untilCopied(replica, key)));
      for (const key of KEYS) assert.equal((await read(replica, key)).byte, 2);
      await using other = await connectReplica({ addresses: [next.address] });
      for (const key of KEYS) assert.deepEqual(await read(other, key), { byte: 2, from: "redis" });
    }),
});

serverTest({
  name: "while its name leads to the replica still, reads go on and connections stay",
  needs: ["redis-server"],
  fn: () =>
    afterFailover(async ({ replica, proxy }) => {
      const before = proxy.accepted;
      const endsAtMs = performance.now() + WINDOW_MS;
      let misses = 0;
      let looks = 0;
      while (performance.now() < endsAtMs) {
        assert.equal(await remove(replica, "another"), true);
        for (const key of KEYS) if ((await read(replica, key)).byte !== 1) misses++;
        looks = proxy.accepted - before;
        await pause(20);
      }
      assert.equal(misses, 0);
      assert(looks >= 2 && looks <= 4, `${looks} new connections`);
    }),
});

serverTest({
  name: "a name that leads nowhere for some looks is followed when it leads to the new master",
  needs: ["redis-server"],
  fn: () =>
    afterFailover(async ({ replica, proxy, next }) => {
      proxy.refuse();
      const endsAtMs = performance.now() + WINDOW_MS;
      while (performance.now() < endsAtMs) {
        assert.equal(await set(replica, { key: "owed", byte: 3 }), true);
        await pause(20);
      }
      proxy.retarget(next);
      proxy.heal();
      await untilWritten(replica, 2);
      await using other = await connectReplica({ addresses: [next.address] });
      for (const key of KEYS) assert.deepEqual(await read(other, key), { byte: 2, from: "redis" });
      await waitFor(async () => (await read(other, "owed")).byte === 3, {
        ...DEADLINE,
        what: "the write that was owed",
      });
    }),
});

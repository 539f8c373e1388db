// Requirements 7.2, 10.3: Redis fails over behind a name, and the old master lives on as a replica.
import assert from "node:assert/strict";
import { connectReplica } from "../harness/replicas.ts";
import { serverTest } from "../support/backends.ts";
import { startFaultProxy } from "../support/fault_proxy.ts";
import { type RedisServer, startRedis } from "../support/redis_server.ts";
import { waitFor } from "../support/wait_for.ts";
import { read, set } from "./one_byte.ts";

const KEYS = Array.from({ length: 50 }, (_, i) => `demoted-${i}`);
const DEADLINE = { deadlineMs: 15_000 };

async function follow(replica: RedisServer, master: RedisServer): Promise<void> {
  await replica.command("REPLICAOF", "127.0.0.1", `${master.port}`);
  await waitFor(
    async () => (await replica.command("INFO", "replication")).includes("master_link_status:up"),
    { ...DEADLINE, what: "the replica to follow" },
  );
}

serverTest({
  name: "a master that becomes a replica is left for the one that its name leads to",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using old = await startRedis();
    await using next = await startRedis();
    await follow(next, old);
    await using proxy = await startFaultProxy({ target: old });
    await using replica = await connectReplica({ addresses: [proxy.address], timeoutMs: 1000 });
    await Promise.all(KEYS.map((key) => set(replica, { key, byte: 1 })));

    await next.command("REPLICAOF", "NO", "ONE");
    await follow(old, next);
    // Like a name's new address: connections that are there stay with the old master.
    proxy.retarget(next);
    await waitFor(async () => {
      const writes = await Promise.all(KEYS.map((key) => set(replica, { key, byte: 2 })));
      return writes.every((isDegraded) => !isDegraded);
    }, { ...DEADLINE, what: "every write to reach the new master" });
    for (const key of KEYS) assert.equal((await read(replica, key)).byte, 2);
    await using other = await connectReplica({ addresses: [next.address] });
    for (const key of KEYS) assert.deepEqual(await read(other, key), { byte: 2, from: "redis" });
  },
});

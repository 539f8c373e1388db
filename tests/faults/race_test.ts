// Requirements 10.1, 10.3: reads and writes of a key that race leave no copy of an old value.
import assert from "node:assert/strict";
import { storeKey } from "../../src/core/key.ts";
import { systemClock } from "../../src/system.ts";
import { callWithin } from "../harness/cache_services.ts";
import { connectReplica, type Replica } from "../harness/replicas.ts";
import { serverTest, sharedServer } from "../support/backends.ts";
import { startRedis } from "../support/redis_server.ts";
import { waitFor } from "../support/wait_for.ts";
import { NAMESPACE, read, remove, set, untilCopied } from "./one_byte.ts";

const ROUNDS = 300;
const redis = sharedServer({ needs: ["redis-server"], start: () => startRedis() });

/** One round for each key, all at once: the event loop and the pipelines mix them. */
function race(round: (key: string) => Promise<void>): Promise<void[]> {
  return Promise.all(Array.from({ length: ROUNDS }, (_, i) => round(`race-${i}`)));
}

/** Waits for what a replica answers once everything has been reported. */
async function assertEnds(
  replica: Replica,
  wanted: number | undefined,
  key: string,
): Promise<void> {
  await waitFor(async () => (await read(replica, key)).byte === wanted, {
    deadlineMs: 5000,
    what: `${key} to read ${wanted}`,
  });
}

serverTest({
  name: "own writes beside reads: the copy is never older than the last acknowledged write",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using a = await connectReplica({ addresses: [redis().address] });
    await untilWritesFill(a);
    await race(async (key) => {
      await set(a, { key, byte: 1 });
      a.local.copies.drop(storeKey(NAMESPACE, key));
      const reads = [read(a, key), read(a, key)];
      const written = set(a, { key, byte: 2 });
      const during = read(a, key);
      await written;
      // Reads your own write, at once.
      assert.equal((await read(a, key)).byte, 2);
      await Promise.all([...reads, during]);
      assert.equal((await read(a, key)).byte, 2);
      const removed = remove(a, key);
      const late = read(a, key);
      await removed;
      assert.equal((await read(a, key)).byte, undefined);
      await late;
      assert.equal((await read(a, key)).byte, undefined);
    });
  },
});

serverTest({
  name: "own writes beside reads while Redis forgets the script: no old copy either",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using a = await connectReplica({ addresses: [redis().address], poolSize: 1 });
    await untilWritesFill(a);
    for (let round = 0; round < 10; round++) {
      await redis().command("SCRIPT", "FLUSH");
      await Promise.all(Array.from({ length: 50 }, async (_, i) => {
        const key = `forgotten-${i}`;
        const byte = 100 + round;
        const written = set(a, { key, byte });
        await Promise.resolve();
        const during = [read(a, key), Promise.resolve().then(() => read(a, key))];
        await written;
        assert.equal((await read(a, key)).byte, byte);
        await Promise.all(during);
        assert.equal((await read(a, key)).byte, byte);
      }));
    }
  },
});

serverTest({
  name: "another's writes beside reads: the copy that stays is the last value",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using a = await connectReplica({ addresses: [redis().address] });
    await using b = await connectReplica({ addresses: [redis().address] });
    await untilWritesFill(a);
    await untilWritesFill(b);
    await race(async (key) => {
      await set(b, { key, byte: 1 });
      const reads = [read(a, key)];
      const writes = [2, 3, 4].map(async (byte) => {
        await set(b, { key, byte });
        reads.push(read(a, key));
      });
      reads.push(read(a, key));
      await Promise.all(writes);
      await Promise.all(reads);
    });
    // Whichever of the three came last, both agree, and go on to agree from their copies.
    await race(async (key) => {
      const last = (await read(b, key)).byte;
      await assertEnds(a, last, key);
      await untilCopied(a, key);
      assert.equal((await read(a, key)).byte, last);
    });
  },
});

/** How many GETs Redis has answered. */
async function gets(): Promise<number> {
  const stats = await redis().command("INFO", "commandstats");
  return Number(/^cmdstat_get:calls=(\d+)/m.exec(stats)?.[1] ?? 0);
}

serverTest({
  name: "10,000 reads of one missing key at once make one GET, and a write meanwhile is not undone",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using a = await connectReplica({ addresses: [redis().address] });
    await untilWritesFill(a);
    const before = await gets();
    const answers = await Promise.all(Array.from({ length: 10_000 }, () => read(a, "absent")));
    assert.equal(await gets() - before, 1);
    assert(answers.every(({ from }) => from === "miss"));

    await set(a, { key: "present", byte: 1 });
    a.local.copies.drop(storeKey(NAMESPACE, "present"));
    const cancelled = new AbortController();
    const reads = Array.from({ length: 10_000 }, () => read(a, "present"));
    const call = { ...callWithin(systemClock), signal: cancelled.signal };
    const gone = a.service.get({ namespace: NAMESPACE, key: "present" }, call);
    cancelled.abort();
    await assert.rejects(gone, { code: "deadline_exceeded" });
    await set(a, { key: "present", byte: 2 });
    assert(new Set((await Promise.all(reads)).map(({ byte }) => byte)).isSubsetOf(new Set([1, 2])));
    assert.equal((await read(a, "present")).byte, 2);
  },
});

async function untilWritesFill(replica: Replica): Promise<void> {
  // Each connection is tracked from its own time on; these keys are spread over all of them.
  for (let i = 0; i < 30; i++) {
    await set(replica, { key: `fill-${i}`, byte: 0 });
    await untilCopied(replica, `fill-${i}`);
  }
}

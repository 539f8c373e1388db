// Requirements 10.1, 10.3: a process that was stopped wakes with copies that others have changed
// since, and takes none of them for fresh.
import assert from "node:assert/strict";
import { serverTest } from "../support/backends.ts";
import { startFaultProxy } from "../support/fault_proxy.ts";
import { clientsOf } from "../support/redis_client_list.ts";
import { startRedis } from "../support/redis_server.ts";
import { RestDriver } from "../support/rest_driver.ts";
import { waitFor } from "../support/wait_for.ts";
import { redisSettings, ServiceProcess } from "./service_process.ts";

/** Twice as long as a copy is trusted without a word from Redis. */
const STOP_MS = 4000;
const KEYS = Array.from({ length: 20 }, (_, i) => `stopped-${i}`);

for (const word of ["arrives late", "is there at once"] as const) {
  serverTest({
    name: `a service stopped for ${STOP_MS} ms answers nothing old as fresh; the word ${word}`,
    needs: ["redis-server"],
    async fn(): Promise<void> {
      await using redis = await startRedis();
      await using proxy = await startFaultProxy({ target: redis });
      const [stopped, other] = await Promise.all([
        ServiceProcess.start({ ...redisSettings([proxy.address]), LOG_REQUESTS: "false" }),
        ServiceProcess.start(redisSettings([redis.address])),
      ]);
      await using _stopped = stopped;
      await using _other = other;
      const reader = new RestDriver(stopped.origin);
      const writer = new RestDriver(other.origin);
      const setAll = (byte: number): Promise<unknown> =>
        Promise.all(
          KEYS.map((key) => writer.set({ namespace: "n", key, value: Uint8Array.of(byte) })),
        );
      const untilCopied = (key: string): Promise<unknown> =>
        waitFor(async () => {
          const read = await reader.get("n", key);
          return read.found && read.source === "local" && !read.degraded;
        }, { deadlineMs: 10_000, what: `a trusted near copy of ${key}` });
      await setAll(1);
      await Promise.all(KEYS.map(untilCopied));

      stopped.signal("SIGSTOP");
      await new Promise((resolve) => setTimeout(resolve, STOP_MS));
      if (word === "arrives late") {
        const clients = await clientsOf(redis);
        const subscribers = clients.filter((client) => client.isSubscriber);
        const ports = subscribers.map(({ port }) => port);
        proxy.blackhole({ only: ({ upstreamPort }) => ports.includes(upstreamPort) });
      }
      await setAll(2);
      // Asked while it stands still: nothing else has been handled when these are.
      const reads = KEYS.map((key) => reader.get("n", key));
      stopped.signal("SIGCONT");
      for (const read of await Promise.all(reads)) {
        const isOld = read.found && read.value[0] !== 2;
        assert(!isOld || read.degraded, "an old value was answered as fresh");
      }
      proxy.heal();
      await Promise.all(KEYS.map(untilCopied));
      for (const key of KEYS) {
        const read = await reader.get("n", key);
        assert(read.found);
        assert.deepEqual([...read.value], [2]);
      }
    },
  });
}

// Requirements 7.1, 7.2, 7.5, 10.2: the service starts, serves and says so while Redis is down.
import assert from "node:assert/strict";
import { serverTest } from "../support/backends.ts";
import { freePort } from "../support/free_port.ts";
import { GrpcDriver } from "../support/grpc_driver.ts";
import { startRedis } from "../support/redis_server.ts";
import { RestDriver } from "../support/rest_driver.ts";
import { waitFor } from "../support/wait_for.ts";
import { redisSettings, SERVES_GRPC, ServiceProcess } from "./service_process.ts";

serverTest({
  name: "without Redis the service starts degraded, and it recovers when Redis comes",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    const port = freePort();
    await using service = await ServiceProcess.start(redisSettings([`127.0.0.1:${port}`]));
    const rest = new RestDriver(service.origin);
    const grpc = new GrpcDriver(service.grpcAddress);
    const drivers = SERVES_GRPC ? [rest, grpc] : [rest];
    try {
      const { healthy, status } = await service.health();
      assert.deepEqual({ healthy, status }, { healthy: true, status: "degraded" });
      for (const driver of drivers) {
        assert.deepEqual(await driver.get("outage", "k"), { found: false, degraded: true });
      }

      await using _redis = await startRedis({ port });
      await waitFor(async () => (await service.health()).status === "ok", {
        deadlineMs: 30_000,
        what: "the service to find Redis",
      });
      // The key's own connection may be back a little later than the first one.
      const entry = { namespace: "outage", key: "k", value: new Uint8Array([7]) };
      await waitFor(async () => !(await rest.set(entry)).degraded, {
        deadlineMs: 10_000,
        what: "a write to reach Redis",
      });
      for (const driver of drivers) {
        const read = await driver.get("outage", "k");
        assert.deepEqual([read.found, read.degraded], [true, false]);
      }
    } finally {
      grpc.close();
    }
    service.signal("SIGTERM");
    assert.equal((await service.ended).code, 0);
  },
});

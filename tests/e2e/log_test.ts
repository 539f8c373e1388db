// Requirements 6.6, 9.6: JSON logs; the configuration is told at start, without secrets.
import assert from "node:assert/strict";
import { serverTest } from "../support/backends.ts";
import { startRedis } from "../support/redis_server.ts";
import { RestDriver } from "../support/rest_driver.ts";
import { redisSettings, ServiceProcess } from "./service_process.ts";

const PASSWORD = "correct-horse-battery";

serverTest({
  name: "log lines are JSON and tell the configuration, but never the password of Redis",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis({ password: PASSWORD });
    await using service = await ServiceProcess.start({
      ...redisSettings([redis.address]),
      REDIS_PASSWORD: PASSWORD,
      LOG_LEVEL: "debug",
    });
    const rest = new RestDriver(service.origin);
    await rest.set({ namespace: "logs", key: "k", value: new Uint8Array([1]) });
    await redis.stop();
    await rest.get("logs", "other").catch(() => {});
    service.signal("SIGTERM");
    assert.equal((await service.ended).code, 0);

    const lines = service.logLines();
    for (const line of lines) {
      assert.match(String(line.timestamp), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.match(String(line.level), /^(debug|info|warn|error)$/);
      assert.equal(typeof line.message, "string");
      assert.equal(typeof line.logger, "string");
    }
    const started = lines.find((line) => line.message === "started");
    const config = started?.config as Record<string, unknown> | undefined;
    assert.equal(config?.REDIS_PASSWORD, "[redacted]");
    assert.equal(config?.REDIS_ADDRESSES, redis.address);
    assert.equal(started?.http, `127.0.0.1:${service.httpPort}`);
    assert.equal(service.output().includes(PASSWORD), false);
  },
});

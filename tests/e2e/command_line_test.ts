import assert from "node:assert/strict";
import { serverTest } from "../support/backends.ts";
import { memorySettings, redisSettings, runCommand } from "./service_process.ts";

serverTest({
  name: "version and help are printed, and end with 0",
  needs: [],
  async fn(): Promise<void> {
    const version = await runCommand(["version"]);
    assert.deepEqual([version.code, version.stderr], [0, ""]);
    assert.match(version.stdout, /^cache-service \d+\.\d+\.\d+ /);

    for (const args of [["--help"], ["serve", "--help"]]) {
      const help = await runCommand(args);
      assert.deepEqual([help.code, help.stderr], [0, ""]);
      assert.match(help.stdout, /usage: cache-service/);
    }
  },
});

serverTest({
  name: "a command that is none, or has too many words, is a usage error",
  needs: [],
  async fn(): Promise<void> {
    for (const args of [["sevre"], ["config", "please"]]) {
      const { code, stdout, stderr } = await runCommand(args, memorySettings());
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, /usage: cache-service/);
    }
  },
});

serverTest({
  name: "config prints every setting, secrets redacted",
  needs: [],
  async fn(): Promise<void> {
    const { code, stdout, stderr } = await runCommand(["config"], {
      ...redisSettings(["redis.example:6379"]),
      REDIS_PASSWORD: "opensesame",
      CACHE_DEFAULT_TTL: "90s",
    });
    assert.deepEqual([code, stderr], [0, ""]);
    const settings = JSON.parse(stdout);
    assert.equal(settings.REDIS_ADDRESSES, "redis.example:6379");
    assert.equal(settings.REDIS_PASSWORD, "[redacted]");
    assert.equal(settings.SERVER_REQUEST_TIMEOUT, "10s");
    assert.equal(stdout.includes("opensesame"), false);
  },
});

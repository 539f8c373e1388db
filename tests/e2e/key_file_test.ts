// Requirements 5.3, 5.4: the file of encryption keys, as an operator meets it.
import assert from "node:assert/strict";
import { serverTest } from "../support/backends.ts";
import { MountedSecret } from "../support/mounted_secret.ts";
import { RestDriver } from "../support/rest_driver.ts";
import { memorySettings, runCommand, ServiceProcess } from "./service_process.ts";

const [A = "", B = ""] = [1, 2].map((byte) => new Uint8Array(32).fill(byte).toBase64());

serverTest({
  name: "a file of encryption keys that cannot be used is a fault of the configuration",
  needs: [],
  async fn(): Promise<void> {
    for (const [text, reason] of [["", /item 1 of 1/], [`${A},\n`, /item 2 of 2/]] as const) {
      await using keys = await MountedSecret.mount(text);
      const { code, stderr } = await runCommand(["serve"], {
        ...memorySettings(),
        AUTH_ENCRYPTION_KEY_FILE: keys.path,
      });
      assert.equal(code, 78, stderr);
      assert.match(stderr, /AUTH_ENCRYPTION_KEY_FILE/);
      assert.match(stderr, reason);
      assert.equal(stderr.includes(A.slice(1, 9)), false, stderr);
    }
  },
});

serverTest({
  name: "SIGHUP: the keys are read anew at once, and the service serves on",
  needs: [],
  async fn(): Promise<void> {
    await using keys = await MountedSecret.mount(A);
    await using service = await ServiceProcess.start({
      ...memorySettings(),
      AUTH_ENCRYPTION_KEY_FILE: keys.path,
    });
    const cache = new RestDriver(service.origin);
    const entry = { namespace: "n", key: "k", value: Uint8Array.of(1) };
    await cache.set(entry, { encrypt: true });
    await keys.publish(B);
    service.signal("SIGHUP");
    await service.logged("the encryption keys were replaced");
    await assert.rejects(cache.get("n", "k"), { code: "decryption_failed" });
    await cache.set(entry, { encrypt: true });
    assert.equal((await cache.get("n", "k")).found, true);
    for (const key of [A, B]) assert.equal(service.output().includes(key.slice(1, 9)), false);
  },
});

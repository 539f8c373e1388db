// Requirements 5.3, 5.4: whoever can write to Redis can make sealed values unreadable, but cannot
// read them, put one in the place of another, or pass anything else off for one.
import assert from "node:assert/strict";
import { Redis } from "ioredis";
import { startTestApp, type TestApp } from "../harness/apps.ts";
import { keyOf, ringKeys } from "../harness/envelopes.ts";
import { serverTest, sharedServer } from "../support/backends.ts";
import type { CacheDriver } from "../support/cache_driver.ts";
import { MountedSecret } from "../support/mounted_secret.ts";
import { type RedisServer, startRedis } from "../support/redis_server.ts";

const needs = ["redis-server"];
const shared = sharedServer({ needs, start: () => startRedis() });

const value = new TextEncoder().encode("a secret");
/** Where a stored entry holds its stamp, its expiry and the id of its key. */
const STAMP = { from: 4, to: 16 };
const EXPIRY = { from: 16, to: 24 };
const KEY_ID_OFFSET = 24;

/** Reads and writes entries behind the service's back. */
class Intruder implements Disposable {
  readonly #redis: Redis;

  constructor({ host, port }: RedisServer) {
    this.#redis = new Redis({ host, port });
  }

  async read(entry: string): Promise<Uint8Array> {
    const stored = await this.#redis.getBuffer(`cache:${entry}`);
    assert(stored !== null, `${entry} is not in Redis`);
    return new Uint8Array(stored);
  }

  async write(entry: string, bytes: Uint8Array): Promise<void> {
    await this.#redis.set(`cache:${entry}`, Buffer.from(bytes), "PX", 60_000);
  }

  [Symbol.dispose](): void {
    this.#redis.disconnect();
  }
}

interface Scene {
  readonly app: TestApp;
  readonly driver: CacheDriver;
  readonly intruder: Intruder;
}

/**
 * Registers a test for each transport, against a service that asks Redis each time. Its namespaces
 * `sealed` and `sealed2` are always sealed.
 */
function attack(name: string, check: (scene: Scene) => Promise<void>): void {
  for (const transport of ["rest", "grpc"] as const) {
    serverTest({
      name: `${name}: ${transport}`,
      needs,
      async fn(): Promise<void> {
        await using app = await startTestApp({
          REDIS_ADDRESSES: shared().address,
          AUTH_ENCRYPTION_KEY: keyOf(1),
          CACHE_ENCRYPT_NAMESPACES: "sealed,sealed2",
          CACHE_LOCAL_CACHE_ENABLED: "false",
        });
        using intruder = new Intruder(shared());
        await check({ app, driver: app[transport], intruder });
      },
    });
  }
}

/** What a read, alone and in a batch, gives: the value, `miss`, or the code it is refused with. */
async function seen(driver: CacheDriver, entry: string): Promise<string> {
  const [namespace = "", key = ""] = entry.split(":");
  const alone = await driver.get(namespace, key).then(
    (read) => read.found ? new TextDecoder().decode(read.value) : "miss",
    (error) => error.code,
  );
  const batch = await driver.batchGet(namespace, [key]);
  const found = batch.values.get(key);
  const among = found === undefined
    ? batch.errors.get(key) ?? (batch.missingKeys.includes(key) ? "miss" : "nothing")
    : new TextDecoder().decode(found);
  assert.equal(among, alone, "a batch gives the same");
  return alone;
}

attack("a value in Redis is not to be read, and no two look alike", async (scene) => {
  const { driver, intruder } = scene;
  await driver.set({ namespace: "plain", key: "a", value }, { encrypt: true });
  await driver.set({ namespace: "sealed", key: "a", value }, { encrypt: false });
  await driver.batchSet({ namespace: "sealed", entries: new Map([["b", value]]) });
  const payloads = new Set<string>();
  for (const entry of ["plain:a", "sealed:a", "sealed:b"]) {
    const stored = await intruder.read(entry);
    assert.equal(new TextDecoder().decode(stored).includes("secret"), false);
    payloads.add(stored.slice(KEY_ID_OFFSET + 4).toHex());
    assert.equal(await seen(driver, entry), "a secret");
  }
  assert.equal(payloads.size, 3);
});

attack("a sealed entry that is copied elsewhere does not open there", async (scene) => {
  const { driver, intruder } = scene;
  for (const key of ["a", "b", "k"]) await driver.set({ namespace: "sealed", key, value });
  const stored = await intruder.read("sealed:a");
  for (const entry of ["sealed:b", "sealed:new", "sealed2:a", "other:a"]) {
    await intruder.write(entry, stored);
    assert.equal(await seen(driver, entry), "decryption_failed", entry);
  }
  assert.equal(await seen(driver, "sealed:a"), "a secret");
  // The header of one entry over the payload of another, both its own once.
  const other = await intruder.read("sealed:k");
  await intruder.write("sealed:a", Uint8Array.of(...stored.slice(0, 24), ...other.slice(24)));
  assert.equal(await seen(driver, "sealed:a"), "decryption_failed");
});

attack("an older value of the entry's own opens only with the expiry it had", async (scene) => {
  const { driver, intruder } = scene;
  await driver.set({ namespace: "sealed", key: "a", value }, { ttlSeconds: 60 });
  const older = await intruder.read("sealed:a");
  const changed = new TextEncoder().encode("another");
  await driver.set({ namespace: "sealed", key: "a", value: changed }, { ttlSeconds: 600 });
  const newer = await intruder.read("sealed:a");
  await intruder.write("sealed:a", Uint8Array.of(...newer.slice(0, 24), ...older.slice(24)));
  assert.equal(await seen(driver, "sealed:a"), "decryption_failed");
  // To put back the whole of it is what a restored backup does: the service cannot tell.
  await intruder.write("sealed:a", older);
  assert.equal(await seen(driver, "sealed:a"), "a secret");
});

attack("of a sealed entry no bit can be flipped to give another value", async (scene) => {
  const { driver, intruder } = scene;
  await driver.set({ namespace: "sealed", key: "a", value });
  const stored = await intruder.read("sealed:a");
  const outcomes = new Map<string, number>();
  for (let bit = 0; bit < 8 * stored.length; bit++) {
    const byte = bit >> 3;
    const flipped = stored.slice();
    flipped[byte] = (flipped[byte] ?? 0) ^ (0x80 >> (bit & 7));
    await intruder.write("sealed:a", flipped);
    const outcome = await seen(driver, "sealed:a");
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    const at = `bit ${bit & 7} of byte ${byte}`;
    // The store raises the stamp of a sealed entry, so the seal does not cover it.
    if (byte >= STAMP.from && byte < STAMP.to) assert.equal(outcome, "a secret", at);
    // An expiry that has passed ends an entry before it is opened.
    else if (byte >= EXPIRY.from && byte < EXPIRY.to && outcome === "miss") continue;
    else assert.match(outcome, /^(decryption_failed|entry_invalid)$/, at);
  }
  assert.equal(outcomes.get("a secret"), 8 * (STAMP.to - STAMP.from));
  assert((outcomes.get("decryption_failed") ?? 0) >= 8 * (stored.length - KEY_ID_OFFSET));
});

attack(
  "an entry that is cut short, or sealed under an unknown key, does not open",
  async (scene) => {
    const { driver, intruder } = scene;
    await driver.set({ namespace: "sealed", key: "a", value });
    const stored = await intruder.read("sealed:a");
    for (let length = 1; length < stored.length; length++) {
      await intruder.write("sealed:a", stored.slice(0, length));
      const code = length < 24 ? "entry_invalid" : "decryption_failed";
      assert.equal(await seen(driver, "sealed:a"), code, `${length} bytes`);
    }
    await using stranger = await startTestApp({
      REDIS_ADDRESSES: shared().address,
      AUTH_ENCRYPTION_KEY: keyOf(2),
    });
    await stranger.rest.set({ namespace: "sealed", key: "a", value }, { encrypt: true });
    assert.equal(await seen(driver, "sealed:a"), "decryption_failed");
  },
);

attack("an unsealed entry is refused where entries are always sealed", async (scene) => {
  const { driver, intruder } = scene;
  await driver.set({ namespace: "open", key: "a", value });
  const unsealed = await intruder.read("open:a");
  await intruder.write("sealed:a", unsealed);
  assert.equal(await seen(driver, "sealed:a"), "entry_invalid");
  await driver.delete("sealed", "a");
  assert.equal(await seen(driver, "sealed:a"), "miss");
  await driver.set({ namespace: "sealed", key: "a", value });
  assert.equal(await seen(driver, "sealed:a"), "a secret");
  // Elsewhere it is as good as any other: only CACHE_ENCRYPT_NAMESPACES protects from this.
  await driver.set({ namespace: "open", key: "b", value }, { encrypt: true });
  await intruder.write("open:b", unsealed);
  assert.equal(await seen(driver, "open:b"), "a secret");
});

serverTest({
  name: "keys are rotated while the service runs, and one that is removed opens nothing more",
  needs,
  async fn(): Promise<void> {
    await using keys = await MountedSecret.mount(keyOf(1));
    await using app = await startTestApp({
      REDIS_ADDRESSES: shared().address,
      AUTH_ENCRYPTION_KEY_FILE: keys.path,
      CACHE_ENCRYPT_NAMESPACES: "*",
    });
    using intruder = new Intruder(shared());
    const keyId = async (entry: string): Promise<number> =>
      new DataView((await intruder.read(entry)).buffer).getUint32(KEY_ID_OFFSET);
    const [a, b] = await ringKeys(keyOf(1), keyOf(2));
    const fromRedis = async (key: string): Promise<number> => {
      const url = `${app.origin}/api/v1/cache/rotated/${key}`;
      const response = await fetch(url, { headers: { "cache-control": "no-cache" } });
      await response.body?.cancel();
      return response.status;
    };
    const source = async (driver: CacheDriver, key: string): Promise<string> => {
      const read = await driver.get("rotated", key);
      assert(read.found);
      assert.deepEqual(new Uint8Array(read.value), value);
      return read.source;
    };

    await app.rest.set({ namespace: "rotated", key: "old", value });
    await app.grpc.set({ namespace: "rotated", key: "old2", value });
    assert.equal(await keyId("rotated:old"), a?.id);

    await keys.publish(`${keyOf(2)},${keyOf(1)}\n`);
    await app.app.reload();
    await app.grpc.set({ namespace: "rotated", key: "new", value });
    assert.equal(await keyId("rotated:new"), b?.id);
    for (const key of ["old", "old2", "new"]) {
      assert.equal(await fromRedis(key), 200);
      assert.equal(await source(app.rest, key), "local");
    }

    await keys.publish("not a key\n");
    await app.app.reload();
    assert.equal(await fromRedis("old"), 200);

    await keys.publish(keyOf(2));
    await app.app.reload();
    for (const driver of [app.rest, app.grpc]) {
      assert.equal(await seen(driver, "rotated:old"), "decryption_failed");
      assert.equal(await seen(driver, "rotated:old2"), "decryption_failed");
    }
    assert.equal(await source(app.rest, "new"), "redis");
    assert.equal(await source(app.grpc, "new"), "local");
  },
});

for (const transport of ["rest", "grpc"] as const) {
  serverTest({
    name: `the largest value and the largest batch come back sealed: ${transport}`,
    needs,
    async fn(): Promise<void> {
      await using app = await startTestApp({
        REDIS_ADDRESSES: shared().address,
        AUTH_ENCRYPTION_KEY: keyOf(1),
        CACHE_ENCRYPT_NAMESPACES: "*",
        CACHE_LOCAL_CACHE_ENABLED: "false",
      });
      const driver = app[transport];
      const mebibyte = 1024 * 1024;
      const entries = new Map(
        Array.from({ length: 8 }, (_, i) => [`${i}`, new Uint8Array(mebibyte).fill(i)]),
      );
      const namespace = `large-${transport}`;
      await driver.batchSet({ namespace, entries });
      const batch = await driver.batchGet(namespace, [...entries.keys()]);
      assert.deepEqual(batch.values, entries);
      const alone = await driver.get(namespace, "7");
      assert(alone.found);
      assert.deepEqual(alone.value, entries.get("7"));
      await driver.set({ namespace, key: "one more", value: Uint8Array.of(1) });
      await assert.rejects(driver.batchGet(namespace, [...entries.keys(), "one more"]), {
        code: "batch_too_large",
      });
    },
  });
}

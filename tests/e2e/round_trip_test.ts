// Requirements 1.1 to 1.7, 4.1, 4.3, 8.2: both APIs are one cache, on every backend.
import assert from "node:assert/strict";
import { serverTest } from "../support/backends.ts";
import type { CacheDriver } from "../support/cache_driver.ts";
import { GrpcDriver } from "../support/grpc_driver.ts";
import { startRedisCluster } from "../support/redis_cluster.ts";
import { startRedis } from "../support/redis_server.ts";
import { RestDriver } from "../support/rest_driver.ts";
import {
  memorySettings,
  redisSettings,
  SERVES_GRPC,
  ServiceProcess,
  type Settings,
} from "./service_process.ts";

const NAMESPACE = "round-trip";

const ENTRIES: ReadonlyMap<string, Uint8Array> = new Map([
  ["plain", new TextEncoder().encode("value")],
  ["empty value", new Uint8Array(0)],
  ["largest value", patterned(1024 * 1024)],
  ["all bytes", patterned(256)],
  ["with spaces", new Uint8Array([1])],
  ["with/slashes//and/", new Uint8Array([2])],
  ["🙂 emoji 🇸🇮", new Uint8Array([3])],
  ["%FF", new Uint8Array([4])],
  ["%25FF", new Uint8Array([5])],
  ["a+b?c=d#e", new Uint8Array([6])],
  ["__proto__", new Uint8Array([7])],
  ["constructor", new Uint8Array([8])],
  ["{slot}", new Uint8Array([9])],
  ["k".repeat(512), new Uint8Array([10])],
  ["é".repeat(256), new Uint8Array([11])],
]);

function patterned(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index * 31 % 256);
}

async function throughBothApis(settings: Settings): Promise<void> {
  await using service = await ServiceProcess.start(settings);
  const rest = new RestDriver(service.origin);
  const grpc = new GrpcDriver(service.grpcAddress);
  try {
    const [one, other] = SERVES_GRPC ? [rest, grpc] : [rest, rest];
    await singly(one, { reader: other });
    await singly(other, { reader: one });
    await inBatches(one, { reader: other });
    await inBatches(other, { reader: one });
    await asRawBytes(service.origin);
  } finally {
    grpc.close();
  }
  service.signal("SIGTERM");
  assert.equal((await service.ended).code, 0);
}

async function singly(
  writer: CacheDriver,
  { reader }: { readonly reader: CacheDriver },
): Promise<void> {
  for (const [key, value] of ENTRIES) {
    await writer.set({ namespace: NAMESPACE, key, value }, { ttlSeconds: 600 });
  }
  for (const [key, value] of ENTRIES) {
    for (const driver of [writer, reader]) {
      const read = await driver.get(NAMESPACE, key);
      assert.ok(read.found, key);
      assert.deepEqual(bytes(read.value), bytes(value), key);
      assert.ok(read.ttlSeconds > 500 && read.ttlSeconds <= 600, `${read.ttlSeconds}`);
    }
  }
  for (const key of ENTRIES.keys()) {
    assert.equal((await reader.delete(NAMESPACE, key)).deleted, true, key);
    assert.equal((await writer.delete(NAMESPACE, key)).deleted, false, key);
    assert.equal((await writer.get(NAMESPACE, key)).found, false, key);
  }
}

async function inBatches(
  writer: CacheDriver,
  { reader }: { readonly reader: CacheDriver },
): Promise<void> {
  const namespace = `${NAMESPACE}.batch`;
  const stored = await writer.batchSet({ namespace, entries: ENTRIES });
  assert.deepEqual(stored, { success: true, storedCount: ENTRIES.size, degraded: false });
  const read = await reader.batchGet(namespace, [...ENTRIES.keys(), "never stored"]);
  assert.deepEqual(read.missingKeys, ["never stored"]);
  assert.equal(read.errors.size, 0);
  assert.deepEqual([...read.values.keys()].sort(), [...ENTRIES.keys()].sort());
  for (const [key, value] of read.values) {
    assert.deepEqual(bytes(value), bytes(ENTRIES.get(key) ?? new Uint8Array()), key);
  }
  for (const key of ENTRIES.keys()) await reader.delete(namespace, key);
}

async function asRawBytes(origin: string): Promise<void> {
  const type = "application/octet-stream";
  for (const [key, value] of ENTRIES) {
    const url = `${origin}/api/v1/cache/${NAMESPACE}.raw/${encodeURIComponent(key)}`;
    const put = await fetch(`${url}?ttl_seconds=60`, {
      method: "PUT",
      headers: { "content-type": type },
      body: new Uint8Array(value),
    });
    assert.deepEqual(await put.json(), { success: true });
    const get = await fetch(url, { headers: { accept: type } });
    assert.equal(get.headers.get("content-type"), type);
    assert.ok(Number(get.headers.get("x-cache-ttl")) <= 60);
    assert.deepEqual(await get.bytes(), bytes(value), key);
  }
}

/** A plain array of bytes, whatever kind of array a driver gave. */
function bytes(value: Uint8Array): Uint8Array {
  return new Uint8Array(value);
}

serverTest({
  name: "both APIs give the same bytes: memory",
  needs: [],
  fn: () => throughBothApis(memorySettings()),
});

serverTest({
  name: "both APIs give the same bytes: Redis",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis();
    await throughBothApis(redisSettings([redis.address]));
  },
});

serverTest({
  name: "both APIs give the same bytes: Redis Cluster",
  needs: ["redis-server", "redis-cli"],
  async fn(): Promise<void> {
    await using cluster = await startRedisCluster();
    await throughBothApis({ ...redisSettings(cluster.addresses), REDIS_CLUSTER_MODE: "true" });
  },
});

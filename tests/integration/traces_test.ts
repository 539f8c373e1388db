import assert from "node:assert/strict";
import { startTestApp, type TestApp } from "../harness/apps.ts";
import { serverTest } from "../support/backends.ts";
import { GrpcDriver } from "../support/grpc_driver.ts";
import { OtlpReceiver, type ReceivedSpan } from "../support/otlp_receiver.ts";
import { startRedis } from "../support/redis_server.ts";
import { waitFor } from "../support/wait_for.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const CALLER_ID = "b7ad6b7169203331";
const CALLER = { traceparent: `00-${TRACE_ID}-${CALLER_ID}-01`, tracestate: "vendor=1" };
const PRIVATE = new TextEncoder().encode("private-value");
const SEALING_KEY = new Uint8Array(32).fill(7).toBase64();

async function tracedApp(
  receiver: OtlpReceiver,
  env: Readonly<Record<string, string>> = {},
): Promise<TestApp> {
  return await startTestApp({
    TRACING_ENABLED: "true",
    TRACING_ENDPOINT: receiver.endpoint,
    AUTH_ENCRYPTION_KEY: SEALING_KEY,
    ...env,
  });
}

function url(app: TestApp, key: string): string {
  return `${app.origin}/api/v1/cache/n/${key}`;
}

async function put(app: TestApp, body: Record<string, unknown> = {}): Promise<void> {
  const response = await fetch(url(app, "private-key"), {
    method: "PUT",
    headers: { "content-type": "application/json", ...CALLER },
    body: JSON.stringify({ value: PRIVATE.toBase64(), ...body }),
  });
  assert.equal(response.status, 200);
  await response.body?.cancel();
}

/** The parts of the call that `name` is the span of, by name. */
function partsOf(receiver: OtlpReceiver, server: ReceivedSpan): ReceivedSpan[] {
  return receiver.spans.filter(({ parentSpanId }) => parentSpanId === server.spanId);
}

function assertOfCaller(server: ReceivedSpan): void {
  assert.deepEqual(
    [server.traceId, server.parentSpanId, server.traceState, server.kind],
    [TRACE_ID, CALLER_ID, "vendor=1", "server"],
  );
}

Deno.test("a REST call's spans are of its caller's trace", async () => {
  await using receiver = OtlpReceiver.start();
  {
    await using app = await tracedApp(receiver);
    await put(app, { encrypt: true });
    const response = await fetch(url(app, "private-key"), { headers: CALLER });
    assert.equal(atob((await response.json()).value), "private-value");
    await fetch(url(app, "private-key"), { method: "HEAD" });
  }
  const set = await receiver.spanNamed("PUT /api/v1/cache/{namespace}/{key}");
  const get = await receiver.spanNamed("GET /api/v1/cache/{namespace}/{key}");
  assertOfCaller(set);
  assertOfCaller(get);
  assert.deepEqual(partsOf(receiver, set).map(({ name }) => name), ["crypto.seal", "store.write"]);
  assert.deepEqual(partsOf(receiver, get).map(({ name }) => name), ["store.get", "crypto.open"]);
  // The memory backend is no database.
  const [read] = partsOf(receiver, get);
  assert.deepEqual([read?.kind, read?.attributes], ["internal", {}]);
  assert.deepEqual(get.attributes, {
    "cache.operation": "get",
    "http.request.method": "GET",
    "http.route": "/api/v1/cache/{namespace}/{key}",
    "cache.namespace": "n",
    "cache.outcome": "hit",
    "cache.source": "local",
    "cache.degraded": false,
    "http.response.status_code": 200,
  });
  const head = await receiver.spanNamed("HEAD /api/v1/cache/{namespace}/{key}");
  assert.equal(head.attributes["http.request.method"], "HEAD");
  assert.deepEqual(receiver.faults, []);
  assert.doesNotMatch(receiver.bodies.join(), /private|cHJpdmF0/);
});

Deno.test("a gRPC call's spans are of its caller's trace", async () => {
  await using receiver = OtlpReceiver.start();
  {
    await using app = await tracedApp(receiver);
    const grpc = new GrpcDriver(app.grpcAddress, { metadata: CALLER });
    await grpc.set({ namespace: "n", key: "private-key", value: PRIVATE });
    await grpc.get("n", "private-key");
    await assert.rejects(grpc.get("n", ""));
    grpc.close();
  }
  const set = await receiver.spanNamed("cache.v1.CacheService/Set");
  assertOfCaller(set);
  assert.deepEqual(partsOf(receiver, set).map(({ name }) => name), ["store.write"]);
  const [get, refused] = receiver.spans.filter(({ name }) => name.endsWith("/Get"));
  assert(get !== undefined && refused !== undefined);
  assertOfCaller(get);
  assert.deepEqual(partsOf(receiver, get).map(({ name }) => name), ["store.get"]);
  assert.equal(get.attributes["rpc.grpc.status_code"], 0);
  assert.equal(refused.attributes["cache.outcome"], "invalid_key");
  assert.equal(refused.attributes["rpc.grpc.status_code"], 3);
  assert.equal(refused.status, "unset");
  assert.doesNotMatch(receiver.bodies.join(), /private|cHJpdmF0/);
});

Deno.test("batches have one span a part, however many keys they have", async () => {
  await using receiver = OtlpReceiver.start();
  const keys = Array.from({ length: 50 }, (_, i) => `k${i}`);
  {
    await using app = await tracedApp(receiver, { CACHE_ENCRYPT_NAMESPACES: "n" });
    await app.rest.batchSet({
      namespace: "n",
      entries: new Map(keys.map((key) => [key, new Uint8Array(3)])),
    });
    await app.rest.batchGet("n", keys);
  }
  const set = await receiver.spanNamed("POST /api/v1/cache/{namespace}/batch/set");
  const get = await receiver.spanNamed("POST /api/v1/cache/{namespace}/batch/get");
  assert.deepEqual(partsOf(receiver, set).map(({ name }) => name), ["crypto.seal", "store.write"]);
  assert.deepEqual(
    partsOf(receiver, get).map(({ name }) => name),
    ["store.get_many", "crypto.open"],
  );
});

serverTest({
  name: "calls of Redis are spans of a database's client, and near hits make none",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis();
    await using receiver = OtlpReceiver.start();
    {
      await using app = await tracedApp(receiver, { REDIS_ADDRESSES: redis.address });
      await app.rest.get("n", "absent");
      // A copy is not trusted until Redis reports changes.
      await waitFor(async () => {
        await put(app);
        const read = await app.rest.get("n", "private-key");
        return read.found && read.source === "local";
      }, { deadlineMs: 5000, what: "a near hit" });
    }
    const set = await receiver.spanNamed("PUT /api/v1/cache/{namespace}/{key}");
    const [write] = partsOf(receiver, set);
    assert.deepEqual([write?.name, write?.kind], ["store.write", "client"]);
    assert.deepEqual(write?.attributes, {
      "db.system.name": "redis",
      "db.operation.name": "EVALSHA",
    });
    const gets = receiver.spans.filter(({ name }) => name.startsWith("GET /"));
    const parts = gets.map((get) =>
      partsOf(receiver, get).map(({ name, attributes }) => [name, attributes["cache.hit"]])
    );
    assert.deepEqual(parts[0], [["near_cache.lookup", false], ["store.get", undefined]]);
    assert.deepEqual(parts.at(-1), [["near_cache.lookup", true]]);
  },
});

Deno.test("without TRACING_ENABLED nothing is exported", async () => {
  await using receiver = OtlpReceiver.start();
  {
    await using app = await tracedApp(receiver, { TRACING_ENABLED: "false" });
    await put(app);
  }
  assert.equal(receiver.bodies.length, 0);
});

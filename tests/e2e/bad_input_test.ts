// What clients should not send: each gets its documented refusal, and the service stays well.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import grpc from "@grpc/grpc-js";
import { serverTest, sharedServer } from "../support/backends.ts";
import { Refusal } from "../support/cache_driver.ts";
import { GrpcDriver } from "../support/grpc_driver.ts";
import { type HttpAnswer, HttpConnection, type HttpRequest, jsonOf } from "./http_connection.ts";
import { grpcTest, memorySettings, ServiceProcess } from "./service_process.ts";

const service = sharedServer({ needs: [], start: () => ServiceProcess.start(memorySettings()) });

const CACHE = "/api/v1/cache/bad";
const KEY = `${CACHE}/k`;
const JSON_TYPE = { "Content-Type": "application/json" };
const RAW_TYPE = { "Content-Type": "application/octet-stream" };
const MOST_BYTES = 512 * 1024 * 1024;

interface RestCase {
  readonly method: string;
  readonly path: string;
  readonly request?: HttpRequest;
  /** Status and code. */
  readonly expect: readonly [number, string];
}

function put(body: unknown): Pick<RestCase, "method" | "path" | "request"> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { method: "PUT", path: KEY, request: { headers: JSON_TYPE, body: text } };
}

function post(call: "get" | "set", body: unknown): Pick<RestCase, "method" | "path" | "request"> {
  const request = { headers: JSON_TYPE, body: JSON.stringify(body) };
  return { method: "POST", path: `${CACHE}/batch/${call}`, request };
}

const REST_CASES: Readonly<Record<string, RestCase>> = {
  "no JSON": { ...put("{"), expect: [400, "invalid_request"] },
  "no body": { ...put(""), expect: [400, "invalid_request"] },
  "JSON, but an array": { ...put([]), expect: [400, "invalid_request"] },
  "JSON, but null": { ...put("null"), expect: [400, "invalid_request"] },
  "no value": { ...put({}), expect: [400, "invalid_request"] },
  "value is a number": { ...put({ value: 1 }), expect: [400, "invalid_request"] },
  "value is not base64": { ...put({ value: "?" }), expect: [400, "invalid_value"] },
  "base64 without padding": { ...put({ value: "YQ" }), expect: [400, "invalid_value"] },
  "base64url": { ...put({ value: "_-8=" }), expect: [400, "invalid_value"] },
  "encrypt is text": { ...put({ value: "", encrypt: "true" }), expect: [400, "invalid_request"] },
  "TTL is text": { ...put({ value: "", ttl_seconds: "60" }), expect: [400, "invalid_ttl"] },
  "TTL is negative": { ...put({ value: "", ttl_seconds: -1 }), expect: [400, "invalid_ttl"] },
  "TTL is a fraction": { ...put({ value: "", ttl_seconds: 1.5 }), expect: [400, "invalid_ttl"] },
  "TTL is huge": { ...put({ value: "", ttl_seconds: 2 ** 63 }), expect: [400, "invalid_ttl"] },
  "TTL overflows": { ...put('{"value":"","ttl_seconds":1e999}'), expect: [400, "invalid_ttl"] },
  "TTL of the query": {
    method: "PUT",
    path: `${KEY}?ttl_seconds=1.5`,
    request: { headers: RAW_TYPE },
    expect: [400, "invalid_ttl"],
  },
  "keys are missing": { ...post("get", {}), expect: [400, "invalid_request"] },
  "keys are text": { ...post("get", { keys: "k" }), expect: [400, "invalid_request"] },
  "a key is a number": { ...post("get", { keys: [1] }), expect: [400, "invalid_request"] },
  "a key is empty": { ...post("get", { keys: [""] }), expect: [400, "invalid_key"] },
  "too many keys": {
    ...post("get", { keys: Array.from({ length: 1001 }, (_, index) => `${index}`) }),
    expect: [413, "batch_too_large"],
  },
  "entries are a list": { ...post("set", { entries: [] }), expect: [400, "invalid_request"] },
  "an entry is not base64": {
    ...post("set", { entries: { a: "YQ==", b: "?" } }),
    expect: [400, "invalid_value"],
  },
  "empty key": { method: "GET", path: `${CACHE}/`, expect: [400, "invalid_key"] },
  "a key of 513 bytes": {
    method: "GET",
    path: `${CACHE}/${"k".repeat(513)}`,
    expect: [400, "invalid_key"],
  },
  "a key that is not UTF-8": { method: "GET", path: `${CACHE}/%FF`, expect: [400, "invalid_key"] },
  "half a percent sign": { method: "GET", path: `${CACHE}/a%2`, expect: [400, "invalid_key"] },
  "namespace with a colon": {
    method: "GET",
    path: "/api/v1/cache/a:b/k",
    expect: [400, "invalid_namespace"],
  },
  "empty namespace": {
    method: "GET",
    path: "/api/v1/cache//k",
    expect: [400, "invalid_namespace"],
  },
  "unknown route": { method: "GET", path: "/api/v2/cache/bad/k", expect: [404, "not_found"] },
  "a key with plain slashes": { method: "GET", path: `${KEY}/l`, expect: [404, "not_found"] },
  "another method": { method: "POST", path: KEY, expect: [405, "method_not_allowed"] },
  "another method of a probe": {
    method: "DELETE",
    path: "/ready",
    expect: [405, "method_not_allowed"],
  },
  "another content type": {
    method: "PUT",
    path: KEY,
    request: { headers: { "Content-Type": "text/plain" }, body: "value" },
    expect: [415, "unsupported_media_type"],
  },
  "no content type": {
    method: "PUT",
    path: KEY,
    request: { body: "value" },
    expect: [415, "unsupported_media_type"],
  },
};

async function checkRefusal(answer: HttpAnswer, expect: readonly [number, string]): Promise<void> {
  const problem = jsonOf(answer);
  assert.deepEqual([answer.status, problem.code], expect, JSON.stringify(problem));
  assert.equal(answer.headers.get("content-type"), "application/problem+json");
  assert.equal(problem.status, answer.status);
  assert.equal(problem.correlation_id, answer.headers.get("x-correlation-id"));
  for (const member of ["type", "title", "detail"]) assert.equal(typeof problem[member], "string");
  assert.equal(await service().readyStatus(), 200);
}

for (const [name, { method, path, request, expect }] of Object.entries(REST_CASES)) {
  serverTest({
    name: `REST refuses: ${name}`,
    needs: [],
    async fn(): Promise<void> {
      using connection = await HttpConnection.open(service().httpPort);
      const answer = await connection.exchange(method, path, request);
      await checkRefusal(answer, expect);
      assert.equal(answer.headers.has("allow"), answer.status === 405);
    },
  });
}

serverTest({
  name: "REST refuses a body that says it is too long before any of it is sent",
  needs: [],
  async fn(): Promise<void> {
    for (const type of [RAW_TYPE, JSON_TYPE]) {
      using connection = await HttpConnection.open(service().httpPort);
      await connection.sendHead(`PUT ${KEY}`, { ...type, "Content-Length": `${2 ** 40}` });
      await checkRefusal(await connection.answer(), [413, "value_too_large"]);
    }
    using connection = await HttpConnection.open(service().httpPort);
    await connection.sendHead(`POST ${CACHE}/batch/set`, {
      ...JSON_TYPE,
      "Content-Length": `${2 ** 40}`,
    });
    await checkRefusal(await connection.answer(), [413, "batch_too_large"]);
  },
});

serverTest({
  name: "REST refuses an endless body once it is too long",
  needs: [],
  async fn(): Promise<void> {
    using connection = await HttpConnection.open(service().httpPort);
    await connection.sendHead(`PUT ${KEY}`, { ...RAW_TYPE, "Transfer-Encoding": "chunked" });
    const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
    let sentBytes = 0;
    let answered = false;
    const answer = connection.answer().finally(() => answered = true);
    try {
      // The answer ends it. On a busy machine it is read late: so much would mean that nobody counts.
      while (!answered && sentBytes < MOST_BYTES) {
        await connection.send(chunk);
        sentBytes += chunk.length;
      }
    } catch {
      // The service has closed the connection after its answer.
    }
    await checkRefusal(await answer, [413, "value_too_large"]);
    assert.ok(sentBytes < MOST_BYTES);
  },
});

serverTest({
  name: "REST: what is no HTTP ends the connection, and nothing else",
  needs: [],
  async fn(): Promise<void> {
    for (const text of ["\x16\x03\x01\x02\x00\x01\x00", "GET\r\n\r\n", "PUT / HTTP/9.9\r\n\r\n"]) {
      using connection = await HttpConnection.open(service().httpPort);
      await connection.send(`${text}\r\n\r\n`);
      const status = await connection.answer().then(({ status }) => status, () => "closed");
      assert.ok(status === "closed" || status === 400 || status === 505, `${status}`);
    }
    assert.equal(await service().readyStatus(), 200);
  },
});

const GRPC_CASES: Readonly<Record<string, [method: string, request: unknown, code: string]>> = {
  "empty key": ["Get", { namespace: "bad" }, "invalid_key"],
  "a key of 513 bytes": ["Get", { namespace: "bad", key: "k".repeat(513) }, "invalid_key"],
  "namespace with a colon": ["Get", { namespace: "a:b", key: "k" }, "invalid_namespace"],
  "no namespace": ["Get", { key: "k" }, "invalid_namespace"],
  "TTL is negative": [
    "Set",
    { namespace: "bad", key: "k", ttl_seconds: -1 },
    "invalid_ttl",
  ],
  "TTL is huge": [
    "Set",
    { namespace: "bad", key: "k", ttl_seconds: "9223372036854775807" },
    "invalid_ttl",
  ],
  "too many keys": [
    "BatchGet",
    { namespace: "bad", keys: Array.from({ length: 1001 }, (_, index) => `${index}`) },
    "batch_too_large",
  ],
  "a value over the limit": [
    "Set",
    { namespace: "bad", key: "k", value: new Uint8Array(1024 * 1024 + 1) },
    "value_too_large",
  ],
  "a message far over the limit": [
    "Set",
    { namespace: "bad", key: "k", value: new Uint8Array(20 * 1024 * 1024) },
    "value_too_large",
  ],
};

for (const [name, [method, request, code]] of Object.entries(GRPC_CASES)) {
  grpcTest({
    name: `gRPC refuses: ${name}`,
    needs: [],
    async fn(): Promise<void> {
      const driver = new GrpcDriver(service().grpcAddress);
      try {
        await assert.rejects(driver.call(method, request), (error) => {
          assert.ok(error instanceof Refusal);
          assert.equal(error.code, code, error.message);
          return true;
        });
        assert.equal((await driver.call("Health", {})).healthy, true);
      } finally {
        driver.close();
      }
    },
  });
}

grpcTest({
  name: "gRPC refuses: bytes that are no message, and a method that is none",
  needs: [],
  async fn(): Promise<void> {
    const client = new grpc.Client(service().grpcAddress, grpc.credentials.createInsecure());
    try {
      const garbage = await callRaw(client, { method: "Get", bytes: [0x0a, 0x7f, 0x61] });
      assert.equal(garbage.code, grpc.status.INVALID_ARGUMENT);
      assert.deepEqual(garbage.metadata.get("cache-error-code"), ["invalid_request"]);
      const unknown = await callRaw(client, { method: "Steal", bytes: [] });
      assert.equal(unknown.code, grpc.status.UNIMPLEMENTED);
    } finally {
      client.close();
    }
  },
});

/** The failure of a call with a request of any bytes. */
function callRaw(
  client: grpc.Client,
  { method, bytes }: { readonly method: string; readonly bytes: readonly number[] },
): Promise<grpc.ServiceError> {
  return new Promise((resolve, reject) => {
    const identity = (buffer: Buffer): Buffer => buffer;
    client.makeUnaryRequest(
      `/cache.v1.CacheService/${method}`,
      identity,
      identity,
      Buffer.from(bytes),
      new grpc.Metadata(),
      { deadline: Date.now() + 10_000 },
      (error) => error === null ? reject(new Error("the call succeeded")) : resolve(error),
    );
  });
}

grpcTest({
  name: "a TTL of zero is the default, over both APIs",
  needs: [],
  async fn(): Promise<void> {
    const driver = new GrpcDriver(service().grpcAddress);
    try {
      using connection = await HttpConnection.open(service().httpPort);
      const { path, request = {} } = put({ value: "YQ==", ttl_seconds: 0 });
      assert.equal((await connection.exchange("PUT", path, request)).status, 200);
      const entry = { namespace: "bad", key: "by grpc", value: new Uint8Array([1]) };
      await driver.set(entry, { ttlSeconds: 0 });
      for (const key of ["k", entry.key]) {
        const read = await driver.get("bad", key);
        assert.ok(read.found && read.ttlSeconds > 3500 && read.ttlSeconds <= 3600);
      }
    } finally {
      driver.close();
    }
  },
});

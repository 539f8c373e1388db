import assert from "node:assert/strict";
import { CacheError } from "../../src/core/errors.ts";
import type { Principal } from "../../src/core/principal.ts";
import { jsonInit, NEW_ID, REQUEST_TIMEOUT_MS, restFixture } from "./rest_fixture.ts";

const KEY = "/api/v1/cache/ns/k";
const RAW = { "Content-Type": "application/octet-stream" };

Deno.test("an unknown route is 404 for every method", async () => {
  const { send } = restFixture();
  const paths = [
    "/",
    "/api/v1/cache",
    "/api/v1/cache/",
    "/api/v1/cache/ns",
    "/api/v1/cache/ns/a/b",
    "/api/v1/cache/ns/batch/put",
    "/api/v2/cache/ns/k",
    "/health/",
    "/Health",
    "/%68ealth",
  ];
  for (const path of paths) {
    for (const method of ["GET", "PUT", "BREW"]) {
      const response = await send(path, { method });
      assert.equal(response.status, 404, path);
      assert.equal((await response.json()).code, "not_found");
    }
  }
});

Deno.test("a known route with another method is 405 and says what it allows", async () => {
  const { send } = restFixture();
  const allowed: Record<string, string> = {
    [KEY]: "GET, PUT, DELETE, HEAD",
    "/api/v1/cache/ns/": "GET, PUT, DELETE, HEAD",
    "/api/v1/cache/ns/batch/get": "POST",
    "/api/v1/cache/ns/batch/set": "POST",
    "/health": "GET, HEAD",
    "/live": "GET, HEAD",
    "/ready": "GET, HEAD",
    "/openapi.json": "GET, HEAD",
  };
  for (const [path, allow] of Object.entries(allowed)) {
    for (const method of ["PATCH", "OPTIONS", "PROPFIND", "constructor"]) {
      const response = await send(path, { method });
      assert.equal(response.status, 405, `${method} ${path}`);
      assert.equal(response.headers.get("allow"), allow);
      assert.equal((await response.json()).code, "method_not_allowed");
    }
  }
  assert.equal((await send("/api/v1/cache/ns/batch/get")).status, 405);
});

Deno.test("another content type, none, another charset and a content encoding are 415", async () => {
  const { send } = restFixture();
  const put = (headers: Record<string, string>) =>
    send(KEY, { method: "PUT", headers, body: new TextEncoder().encode('{"value":""}') });
  assert.equal((await put({ "Content-Type": "application/json; charset=UTF-8" })).status, 200);
  for (
    const headers of [
      {},
      { "Content-Type": "text/plain" },
      { "Content-Type": "application/json; charset=latin1" },
      { "Content-Type": "application/octet-stream", "Content-Encoding": "gzip" },
    ]
  ) {
    const response = await put(headers);
    assert.equal(response.status, 415);
    assert.equal((await response.json()).code, "unsupported_media_type");
  }
  for (const path of ["/api/v1/cache/ns/batch/get", "/api/v1/cache/ns/batch/set"]) {
    const response = await send(path, { method: "POST", headers: RAW, body: "{}" });
    assert.equal(response.status, 415, path);
  }
});

Deno.test("every answer has the headers that all have, also a refusal", async () => {
  const { send, put } = restFixture({
    store: { getMany: () => Promise.reject(new TypeError("broken")) },
  });
  await put("k", "v");
  const answers = [
    send(KEY),
    send("/api/v1/cache/ns/missing"),
    send(KEY, { method: "HEAD" }),
    send(KEY, jsonInit("PUT", "{")),
    send(KEY, { method: "PATCH" }),
    send(KEY, { method: "PUT", body: "" }),
    send(KEY, { method: "PUT", headers: { ...RAW, "Content-Length": "9999999" }, body: "x" }),
    send("/api/v1/cache/ns/batch/get", jsonInit("POST", { keys: ["a"] })),
    send("/nowhere"),
    send("/health"),
    send("/live"),
    send("/ready"),
    send("/openapi.json"),
  ];
  const statuses = [];
  for (const answer of answers) {
    const response = await answer;
    statuses.push(response.status);
    assert.equal(response.headers.get("cache-control"), "no-store");
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
    assert.equal(response.headers.get("x-correlation-id"), NEW_ID);
    assert.match(
      response.headers.get("content-type") ?? "",
      response.status < 400 ? /^application\/json$/ : /^application\/problem\+json$/,
    );
    await response.body?.cancel();
  }
  assert.deepEqual(statuses, [200, 404, 200, 400, 405, 415, 413, 500, 404, 200, 200, 200, 200]);
});

Deno.test("a correlation id is taken over where it is 1 to 128 visible ASCII characters", async () => {
  const { send } = restFixture();
  const idFor = async (id: string) => {
    const response = await send(KEY, { headers: { "X-Correlation-ID": id } });
    const body = await response.json();
    assert.equal(body.correlation_id, response.headers.get("x-correlation-id"));
    return body.correlation_id;
  };
  for (const id of ["a", '!"\\~', "x".repeat(128)]) assert.equal(await idFor(id), id);
  for (const id of ["", "a b", "x".repeat(129), "é"]) assert.equal(await idFor(id), NEW_ID);
});

Deno.test("HEAD answers as GET does, without the body", async () => {
  const { send, put } = restFixture();
  await put("k", "hello");
  for (const path of [KEY, "/api/v1/cache/ns/missing", "/health", "/openapi.json", "/nowhere"]) {
    const get = await send(path);
    const head = await send(path, { method: "HEAD" });
    const length = (await get.arrayBuffer()).byteLength;
    assert.equal(head.status, get.status);
    assert.equal(await head.text(), "");
    assert.deepEqual([...head.headers], [
      ...new Headers([...get.headers, ["content-length", `${length}`]]),
    ]);
  }
});

Deno.test("while draining every answer closes its connection", async () => {
  const { send, lifecycle } = restFixture();
  for (const path of [KEY, "/nowhere", "/live"]) {
    assert.equal((await send(path)).headers.get("connection"), null);
  }
  lifecycle.enter("draining");
  for (const path of [KEY, "/nowhere", "/live"]) {
    assert.equal((await send(path)).headers.get("connection"), "close");
  }
});

Deno.test("a body that does not arrive is 408 after the request timeout", async () => {
  const { send, clock, budget } = restFixture();
  const body = new ReadableStream({ start: (c) => c.enqueue(new Uint8Array(3)) });
  const answer = send(KEY, { method: "PUT", headers: RAW, body });
  await clock.advance(REQUEST_TIMEOUT_MS - 1);
  assert.equal(budget.usedBytes, 3);
  await clock.advance(1);
  const response = await answer;
  assert.equal(response.status, 408);
  assert.equal(response.headers.get("connection"), "close");
  assert.equal((await response.json()).code, "request_timeout");
  assert.equal(budget.usedBytes, 0);
});

Deno.test("a spent memory budget is 503 overloaded", async () => {
  const { send, budget } = restFixture({ budgetBytes: 10 });
  const response = await send(KEY, { method: "PUT", headers: RAW, body: "01234567890" });
  assert.equal(response.status, 503);
  assert.equal(response.headers.get("retry-after"), "1");
  assert.equal((await response.json()).code, "overloaded");
  assert.equal(budget.usedBytes, 0);
});

const principal = (options: Partial<Principal>): Principal => ({
  subject: "test",
  namespaces: new Set(["ns"]),
  scopes: new Set(["cache:read", "cache:write"]),
  ...options,
});

Deno.test("the verifier sees the authorization header, and decides before the body is read", async () => {
  const seen: (string | undefined)[] = [];
  const { send } = restFixture({
    verifier: {
      verify: (authorization) => {
        seen.push(authorization);
        throw new CacheError("unauthorized", "The call brings no valid token.");
      },
    },
  });
  let reads = 0;
  const body = new ReadableStream({ pull: () => void reads++ }, { highWaterMark: 0 });
  const headers = { ...RAW, "Authorization": "Bearer x" };
  const put = await send(KEY, { method: "PUT", headers, body });
  assert.equal(put.status, 401);
  assert.equal(put.headers.get("www-authenticate"), "Bearer");
  assert.equal((await put.json()).code, "unauthorized");
  assert.equal(reads, 0);
  assert.equal((await send("/api/v1/cache/ns/%FF")).status, 401);
  assert.deepEqual(seen, ["Bearer x", undefined]);
  for (const path of ["/health", "/live", "/ready", "/openapi.json"]) {
    assert.equal((await send(path)).status, 200, path);
  }
});

Deno.test("a verifier may take its time, and what it says counts", async () => {
  const asked: Record<string, Partial<Principal>> = {
    reader: { scopes: new Set(["cache:read"]) },
    stranger: { namespaces: new Set(["other"]) },
    owner: {},
  };
  const { send } = restFixture({
    verifier: { verify: (name = "") => Promise.resolve(principal(asked[name] ?? {})) },
  });
  const verdicts = [];
  for (const name of Object.keys(asked)) {
    const headers = { ...RAW, Authorization: name };
    const put = await send(KEY, { method: "PUT", headers, body: "v" });
    const get = await send(KEY, { headers });
    verdicts.push([name, put.status, get.status]);
  }
  assert.deepEqual(verdicts, [["reader", 403, 404], ["stranger", 403, 403], ["owner", 200, 200]]);
});

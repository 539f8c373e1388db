import assert from "node:assert/strict";
import { CacheError } from "../../src/core/errors.ts";
import { jsonInit, restFixture } from "./rest_fixture.ts";

const NS = "/api/v1/cache/ns";
const RAW = { "Content-Type": "application/octet-stream" };
const outage = () => Promise.reject(new CacheError("redis_unavailable", "Redis is away."));

/** The status and code of an answer, or its status alone. */
async function verdict(response: Response): Promise<string> {
  const { code } = await response.json();
  return code === undefined ? `${response.status}` : `${response.status} ${code}`;
}

Deno.test("a value that is set is got, as JSON and as bytes", async () => {
  const { send } = restFixture();
  const set = await send(`${NS}/k`, jsonInit("PUT", { value: "aGVsbG8=", ttl_seconds: 60 }));
  assert.equal(set.status, 200);
  assert.deepEqual(await set.json(), { success: true });

  const got = await send(`${NS}/k`);
  assert.equal(got.status, 200);
  assert.equal(got.headers.get("content-type"), "application/json");
  assert.equal(got.headers.get("x-cache-source"), "local");
  assert.equal(got.headers.get("x-cache-version"), set.headers.get("x-cache-version"));
  assert.match(got.headers.get("x-cache-version") ?? "", /^[0-9a-f]{24}$/);
  assert.equal(got.headers.get("x-cache-degraded"), null);
  assert.deepEqual(await got.json(), {
    found: true,
    value: "aGVsbG8=",
    source: "local",
    ttl_seconds: 60,
  });

  const raw = await send(`${NS}/k`, { headers: { Accept: "application/octet-stream" } });
  assert.equal(raw.headers.get("content-type"), "application/octet-stream");
  assert.equal(raw.headers.get("x-cache-ttl"), "60");
  assert.equal(raw.headers.get("x-cache-source"), "local");
  assert.equal(await raw.text(), "hello");
});

Deno.test("bytes are stored as they come, also none, with the query's TTL", async () => {
  const { send } = restFixture();
  for (const bytes of [Uint8Array.of(), Uint8Array.of(0, 255, 10)]) {
    const init = { method: "PUT", headers: RAW, body: bytes };
    assert.equal(await verdict(await send(`${NS}/k?ttl_seconds=5`, init)), "200");
    const body = await (await send(`${NS}/k`)).json();
    assert.equal(body.value, bytes.toBase64());
    assert.equal(body.ttl_seconds, 5);
  }
});

Deno.test("the seconds left are rounded up, and none left is a miss", async () => {
  const { send, put, clock } = restFixture();
  await put("k?ttl_seconds=2", "v");
  await clock.advance(999);
  assert.equal((await (await send(`${NS}/k`)).json()).ttl_seconds, 2);
  await clock.advance(2);
  assert.equal((await (await send(`${NS}/k`)).json()).ttl_seconds, 1);
  await clock.advance(999);
  assert.equal(await verdict(await send(`${NS}/k`)), "404 key_not_found");
});

Deno.test("a TTL of 0 and none are the default; what the body says comes before the query", async () => {
  const { send, put } = restFixture({ limits: { defaultTtlSeconds: 77 } });
  const ttlOf = async (key: string) => (await (await send(`${NS}/${key}`)).json()).ttl_seconds;
  await put("a", "v");
  await put("b?ttl_seconds=0", "v");
  await send(`${NS}/c?ttl_seconds=9`, jsonInit("PUT", { value: "" }));
  await send(`${NS}/d?ttl_seconds=9`, jsonInit("PUT", { value: "", ttl_seconds: 8 }));
  assert.deepEqual(await Promise.all(["a", "b", "c", "d"].map(ttlOf)), [77, 77, 9, 8]);
});

Deno.test("a TTL out of range is refused in the body and in the query", async () => {
  const { send } = restFixture();
  const body = jsonInit("PUT", { value: "", ttl_seconds: 2_592_001 });
  assert.equal(await verdict(await send(`${NS}/k`, body)), "400 invalid_ttl");
  const init = { method: "PUT", headers: RAW, body: "" };
  for (const ttl of ["2592001", "1.5", "abc", ""]) {
    const response = await send(`${NS}/k?ttl_seconds=${ttl}`, init);
    assert.equal(await verdict(response), "400 invalid_ttl", ttl);
  }
});

Deno.test("encrypt needs a key, by body and by query", async () => {
  const { send } = restFixture();
  const body = jsonInit("PUT", { value: "", encrypt: true });
  assert.equal(await verdict(await send(`${NS}/k`, body)), "422 encryption_unavailable");
  const init = { method: "PUT", headers: RAW, body: "" };
  const byQuery = await send(`${NS}/k?encrypt=true`, init);
  assert.equal(await verdict(byQuery), "422 encryption_unavailable");
  assert.equal(await verdict(await send(`${NS}/k?encrypt=1`, init)), "400 invalid_request");
});

Deno.test("a delete says whether an entry was there", async () => {
  const { send, put } = restFixture();
  await put("k", "v");
  const remove = async () => (await send(`${NS}/k`, { method: "DELETE" })).json();
  assert.deepEqual(await remove(), { deleted: true });
  assert.deepEqual(await remove(), { deleted: false });
  const got = await send(`${NS}/k`);
  assert.equal(got.status, 404);
  assert.equal((await got.json()).found, false);
});

Deno.test("a batch sets and gets, and says what is missing", async () => {
  const { send } = restFixture();
  const set = await send(
    `${NS}/batch/set`,
    jsonInit("POST", { entries: { a: "AA==", b: "" }, ttl_seconds: 10 }),
  );
  assert.deepEqual(await set.json(), { success: true, stored_count: 2 });
  const got = await send(`${NS}/batch/get`, jsonInit("POST", { keys: ["a", "x", "b", "a"] }));
  assert.deepEqual(await got.json(), { values: { a: "AA==", b: "" }, missing_keys: ["x"] });
});

Deno.test("keys that every object has a member for are keys like all others", async () => {
  const { send } = restFixture();
  const entries = '{"__proto__":"AA==","constructor":"AQ==","toString":"Ag=="}';
  await send(`${NS}/batch/set`, jsonInit("POST", `{"entries":${entries}}`));
  const keys = ["__proto__", "constructor", "toString", "hasOwnProperty"];
  const got = await (await send(`${NS}/batch/get`, jsonInit("POST", { keys }))).text();
  assert.equal(got, `{"values":${entries},"missing_keys":["hasOwnProperty"]}`);
  assert.equal((await (await send(`${NS}/__proto__`)).json()).value, "AA==");
});

Deno.test("percent-encoding belongs to the transport, what it stands for to the key", async () => {
  const { send } = restFixture();
  const keyOf: Record<string, string> = {
    "a%2Fb": "a/b",
    "%25FF": "%FF",
    "a+b": "a+b",
    "%EF%BB%BFx": "\ufeffx",
    "%F0%9F%98%80": "😀",
    "ключ": "ключ",
    "...": "...",
    "%00": "\0",
    "batch": "batch",
  };
  for (const [segment, key] of Object.entries(keyOf)) {
    const init = { method: "PUT", headers: RAW, body: "v" };
    assert.equal(await verdict(await send(`${NS}/${segment}`, init)), "200", segment);
    const got = await send(`${NS}/batch/get`, jsonInit("POST", { keys: [key] }));
    assert.deepEqual((await got.json()).missing_keys, [], segment);
  }
});

Deno.test("a key that no path can name is invalid_key", async () => {
  const { send } = restFixture();
  for (const segment of ["", "%FF", "%zz", "%", "%C0%AF", "%ED%A0%80", ".", "..", "%2E", "%2e."]) {
    assert.equal(await verdict(await send(`${NS}/${segment}`)), "400 invalid_key", segment);
  }
  assert.match((await (await send(`${NS}/..`)).json()).detail, /batch or gRPC/);
  assert.equal(await verdict(await send(`${NS}/${"k".repeat(513)}`)), "400 invalid_key");
  const batch = await send(`${NS}/batch/get`, jsonInit("POST", '{"keys":["\\ud800"]}'));
  assert.equal(await verdict(batch), "400 invalid_key");
});

Deno.test("keys of one and two dots are reached by a batch", async () => {
  const { send } = restFixture();
  await send(`${NS}/batch/set`, jsonInit("POST", { entries: { ".": "AA==", "..": "AQ==" } }));
  const got = await send(`${NS}/batch/get`, jsonInit("POST", { keys: [".", ".."] }));
  assert.deepEqual((await got.json()).values, { ".": "AA==", "..": "AQ==" });
});

Deno.test("a namespace is decoded as well, and checked", async () => {
  const { send, put } = restFixture();
  await put("k", "v");
  assert.equal(await verdict(await send("/api/v1/cache/n%73/k")), "200");
  for (const namespace of ["", "%FF", "%zz", "a%2Fb", "-a", ".", "..", "a".repeat(65), "é"]) {
    const response = await send(`/api/v1/cache/${namespace}/k`);
    assert.equal(await verdict(response), "400 invalid_namespace", namespace);
  }
  const batch = await send("/api/v1/cache/%FF/batch/get", jsonInit("POST", { keys: [] }));
  assert.equal(await verdict(batch), "400 invalid_namespace");
});

Deno.test("the sizes are limited, each with its code", async () => {
  const limits = { maxValueBytes: 4, maxBatchBytes: 6, maxBatchKeys: 2 };
  const { send, budget } = restFixture({ limits });
  const raw = (body: string) => send(`${NS}/k`, { method: "PUT", headers: RAW, body });
  const batch = (entries: unknown) => send(`${NS}/batch/set`, jsonInit("POST", { entries }));
  const four = "AAAAAA==";
  assert.equal(await verdict(await raw("1234")), "200");
  assert.equal(await verdict(await raw("12345")), "413 value_too_large");
  const json = (value: string) => send(`${NS}/k`, jsonInit("PUT", { value }));
  assert.equal(await verdict(await json(four)), "200");
  assert.equal(await verdict(await json("AAAAAAA=")), "413 value_too_large");
  assert.equal(await verdict(await json("A".repeat(2000))), "413 value_too_large");
  assert.equal(await verdict(await batch({ a: four, b: "AAA=" })), "200");
  assert.equal(await verdict(await batch({ a: four, b: four })), "413 batch_too_large");
  assert.equal(await verdict(await batch({ a: "", b: "", c: "" })), "413 batch_too_large");
  const keys = await send(`${NS}/batch/get`, jsonInit("POST", { keys: ["a", "b", "c"] }));
  assert.equal(await verdict(keys), "413 batch_too_large");
  const long = await send(`${NS}/batch/get`, jsonInit("POST", { keys: ["k".repeat(10_000)] }));
  assert.equal(await verdict(long), "413 batch_too_large");
  assert.equal(budget.usedBytes, 0);
});

Deno.test("an outage makes a read a degraded miss and a write 503", async () => {
  const { send } = restFixture({ store: { get: outage, write: outage } });
  const got = await send(`${NS}/k`);
  assert.equal(got.status, 404);
  assert.equal(got.headers.get("x-cache-degraded"), "true");
  const body = await got.json();
  assert.equal(body.found, false);
  assert.equal(body.degraded, true);

  const set = await send(`${NS}/k`, jsonInit("PUT", { value: "" }));
  assert.equal(set.headers.get("retry-after"), "1");
  assert.equal(await verdict(set), "503 redis_unavailable");
});

Deno.test("a batch with keys that cannot be read names them, and is degraded by an outage", async () => {
  const damaged = new CacheError("entry_invalid", "It cannot be read.");
  const away = new CacheError("redis_unavailable", "Redis is away.");
  const { send } = restFixture({
    store: {
      getMany: () => Promise.resolve([damaged, away, { entry: undefined, lease: undefined }]),
    },
  });
  const got = await send(`${NS}/batch/get`, jsonInit("POST", { keys: ["a", "b", "c"] }));
  assert.equal(got.headers.get("x-cache-degraded"), "true");
  assert.deepEqual(await got.json(), {
    values: {},
    missing_keys: ["b", "c"],
    errors: { a: "entry_invalid" },
    degraded: true,
  });
});

Deno.test("a fault inside is told in the log and not in the answer", async () => {
  const broken = () => Promise.reject(new TypeError("secret at 10.0.0.1"));
  const { send, errors } = restFixture({ store: { get: broken } });
  const got = await send(`${NS}/k`, { headers: { "X-Correlation-ID": "id-1" } });
  const text = await got.text();
  assert.equal(got.status, 500);
  assert.equal(JSON.parse(text).code, "internal");
  assert.doesNotMatch(text, /secret|TypeError/);
  assert.equal(errors.length, 1);
  assert.equal(errors[0]?.fields?.correlation_id, "id-1");
  assert.equal(errors[0]?.fields?.cause, "TypeError");
  assert.doesNotMatch(JSON.stringify(errors), /secret/);
});

Deno.test("a call past its deadline is given up", async () => {
  const never = () => new Promise<never>(() => {});
  const { send, clock } = restFixture({ store: { get: never, timeoutMs: 60_000 } });
  const got = send(`${NS}/k`);
  await clock.advance(10_000);
  assert.equal(await verdict(await got), "504 deadline_exceeded");
});

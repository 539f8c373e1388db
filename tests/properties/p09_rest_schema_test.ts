// Property 9: REST answers are JSON of the documented schema, for any input, also a bad one.
// Requirement 4.3: REST with JSON in and out.
import assert from "node:assert/strict";
import fc from "fast-check";
import type { z } from "zod";
import { PROBLEMS } from "../../src/http/problem.ts";
import { rawPath } from "../../src/http/raw_path.ts";
import {
  batchGetAnswer,
  batchSetAnswer,
  deleteAnswer,
  hitAnswer,
  invalidateAnswer,
  missAnswer,
  problemAnswer,
  setAnswer,
} from "../../src/http/answer_schemas.ts";
import { type RestFixture, restFixture } from "../rest/rest_fixture.ts";
import { propertyOptions } from "../support/seeded_random.ts";

const LIMITS = { maxKeyBytes: 16, maxValueBytes: 32, maxBatchKeys: 4, maxBatchBytes: 64 };

interface Input {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array<ArrayBuffer> | undefined;
}

const oneOf = fc.constantFrom;

/** Text of a path segment as a client, a careless one or a hostile one writes it. */
const segment = fc.oneof(
  { weight: 3, arbitrary: oneOf("a", "b", "ns", "__proto__", "constructor", "batch") },
  fc.string({ unit: "binary", maxLength: 20 }).filter((text) => text.isWellFormed())
    .map(encodeURIComponent),
  oneOf("", ".", "..", "%2e", "%2E%2E", "%2F", "%00", "%25FF", "+", "%EF%BB%BF", "é"),
  oneOf("%", "%F", "%zz", "%FF", "%C0%AF", "%ED%A0%80", "%E2%82", "%u0041"),
  fc.array(fc.nat({ max: 255 }), { maxLength: 6 })
    .map((bytes) => bytes.map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")),
);

const query = fc.oneof(
  { weight: 3, arbitrary: fc.constant("") },
  fc.tuple(
    oneOf("ttl_seconds", "encrypt", "x", "ttl_seconds=1&ttl_seconds", "%zz"),
    oneOf("", "0", "60", "1.5", "-1", "abc", "2592001", "1e400", "true", "false", "%FF", "?"),
  ).map(([name, value]) => `?${name}=${value}`),
);

const path = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(fc.oneof({ weight: 4, arbitrary: fc.constant("ns") }, segment), segment)
      .map(([namespace, key]) => `/api/v1/cache/${namespace}/${key}`),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(segment, oneOf("get", "set", "put"))
      .map(([namespace, batch]) => `/api/v1/cache/${namespace}/batch/${batch}`),
  },
  fc.array(segment, { maxLength: 6 }).map((segments) => `/${segments.join("/")}`),
);

const base64 = fc.uint8Array({ maxLength: 40 }).map((bytes) => bytes.toBase64());
const anyText = fc.oneof(base64, fc.string({ unit: "binary", maxLength: 20 }));
const keyText = fc.oneof(oneOf("a", "b", "__proto__", ".", ""), anyText);

/** Bodies as documented, and the same with members of other types. */
const documented = fc.record({
  value: fc.oneof({ weight: 4, arbitrary: base64 }, anyText, fc.jsonValue()),
  keys: fc.oneof(
    { weight: 4, arbitrary: fc.array(keyText, { maxLength: 6 }) },
    fc.jsonValue(),
  ),
  entries: fc.oneof(
    { weight: 4, arbitrary: fc.dictionary(keyText, base64, { maxKeys: 6 }) },
    fc.dictionary(keyText, fc.jsonValue(), { maxKeys: 6 }),
    fc.jsonValue(),
  ),
  ttl_seconds: fc.oneof({ weight: 4, arbitrary: fc.nat({ max: 5000 }) }, fc.jsonValue()),
  encrypt: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.jsonValue()),
}, { requiredKeys: [] });

const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

const body = fc.oneof(
  { weight: 1, arbitrary: fc.constant(undefined) },
  { weight: 6, arbitrary: documented.map((value) => encode(JSON.stringify(value))) },
  { weight: 1, arbitrary: fc.json().map(encode) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }).map((bytes) => bytes.slice()) },
  {
    weight: 2,
    arbitrary: fc.tuple(documented, fc.nat(), fc.nat({ max: 255 })).map(([value, at, byte]) => {
      const bytes = encode(JSON.stringify(value));
      bytes[at % bytes.length] = byte;
      return bytes;
    }),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(documented, fc.nat()).map(([value, at]) => {
      const bytes = encode(JSON.stringify(value));
      return bytes.slice(0, at % bytes.length);
    }),
  },
  { weight: 1, arbitrary: fc.constant(encode(`{"value":"${"A".repeat(9000)}"}`)) },
);

const headers = fc.record({
  "content-type": fc.oneof(
    { weight: 6, arbitrary: fc.constant("application/json") },
    oneOf("application/octet-stream", "application/json; charset=utf-16", "text/plain", ";;", ""),
  ),
  "accept": oneOf("*/*", "application/json", "application/octet-stream", "text/*;q=x", ",,;q="),
  "x-correlation-id": oneOf("id-1", "", "a b", "é", '"', "x".repeat(129)),
  "content-length": oneOf("0", "5", "99999999999", "-1", "abc"),
  "authorization": oneOf("", "Bearer", "Bearer x.y.z", "Basic Og=="),
  "content-encoding": oneOf("identity", "gzip"),
}, { requiredKeys: ["content-type"] });

const anyInput: fc.Arbitrary<Input> = fc.record({
  method: oneOf("GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "OPTIONS", "toString"),
  path: fc.tuple(path, query).map((parts) => parts.join("")),
  headers: headers.map((given): Record<string, string> => ({ ...given })),
  body,
});

const JSON_TYPE = { "content-type": "application/json" };
const goodKey = oneOf("a", "b", "%00", "__proto__");
const goodText = fc.uint8Array({ maxLength: 8 }).map((bytes) => bytes.toBase64());

/** Requests that have good answers, on few keys so that they meet. */
const goodInput: fc.Arbitrary<Input> = fc.oneof(
  fc.record({
    method: oneOf("GET", "GET", "DELETE", "HEAD"),
    path: goodKey.map((key) => `/api/v1/cache/ns/${key}`),
    headers: oneOf({}, { accept: "application/octet-stream" }),
    body: fc.constant(undefined),
  }),
  fc.record({
    method: fc.constant("PUT"),
    path: goodKey.map((key) => `/api/v1/cache/ns/${key}`),
    headers: fc.constant(JSON_TYPE),
    body: goodText.map((value) => encode(JSON.stringify({ value, ttl_seconds: 9 }))),
  }),
  fc.record({
    method: fc.constant("POST"),
    path: fc.constant("/api/v1/cache/ns/batch/set"),
    headers: fc.constant(JSON_TYPE),
    body: fc.dictionary(oneOf("a", "b", "\0"), goodText)
      .map((entries) => encode(JSON.stringify({ entries }))),
  }),
  fc.record({
    method: fc.constant("POST"),
    path: oneOf("/api/v1/cache/ns/batch/get", "/api/v1/cache/ns/invalidate"),
    headers: fc.constant(JSON_TYPE),
    body: fc.subarray(["a", "b", "\0", "__proto__"])
      .map((keys) => encode(JSON.stringify({ keys }))),
  }),
);

/** A good request with one part out of any other. */
const spoiltInput: fc.Arbitrary<Input> = fc.tuple(
  goodInput,
  anyInput,
  oneOf("method", "path", "headers", "body"),
).map(([good, other, part]) => ({ ...good, [part]: other[part] }));

const input = fc.oneof(goodInput, spoiltInput, anyInput);

/** The schema of a good answer to this request. */
function answerSchema({ method, path }: Input): z.ZodType {
  const [batch, name] = rawPath(`http://h${path}`).split("/").slice(5);
  if (method === "POST" && batch === "invalidate") return invalidateAnswer.strict();
  if (method === "POST" && batch === "batch") {
    return name === "get" ? batchGetAnswer.strict() : batchSetAnswer.strict();
  }
  const schemas: Record<string, z.ZodType> = {
    GET: hitAnswer.strict(),
    PUT: setAnswer.strict(),
    DELETE: deleteAnswer.strict(),
  };
  const schema = schemas[method];
  assert.ok(schema, `${method} ${path} has no good answer`);
  return schema;
}

async function check(response: Response, sent: Input): Promise<void> {
  const { status } = response;
  const type = response.headers.get("content-type");
  const bytes = await response.bytes();
  assert.ok(status < 500, `answered ${status}`);
  assert.match(response.headers.get("x-correlation-id") ?? "", /^[!-~]{1,128}$/);
  assert.equal(response.headers.get("cache-control"), "no-store");
  if (sent.method === "HEAD") return assert.equal(bytes.length, 0);
  if (status === 200 && type === "application/octet-stream") {
    assert.equal(sent.headers["accept"], "application/octet-stream");
    return;
  }
  const answer = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  if (status === 200) {
    assert.equal(type, "application/json");
    answerSchema(sent).parse(answer);
    return;
  }
  assert.equal(type, "application/problem+json");
  const schema = answer.code === "key_not_found" ? missAnswer : problemAnswer;
  const problem = schema.strict().parse(answer);
  assert.equal(problem.status, status);
  assert.equal(PROBLEMS[answer.code as keyof typeof PROBLEMS].status, status);
  assert.equal(problem.correlation_id, response.headers.get("x-correlation-id"));
}

function send(fixture: RestFixture, { method, path, headers, body }: Input): Promise<Response> {
  const carries = method !== "GET" && method !== "HEAD" && body !== undefined;
  const init = { method, headers, ...(carries ? { body } : {}) };
  return fixture.send(path, init);
}

Deno.test("property 9: any request is answered by JSON of the documented schema", async () => {
  const seen = new Map<number, number>();
  const everyAnswer = fc.asyncProperty(
    fc.array(input, { minLength: 1, maxLength: 12 }),
    async (inputs) => {
      const fixture = restFixture({ limits: LIMITS });
      for (const sent of inputs) {
        const response = await send(fixture, sent);
        seen.set(response.status, (seen.get(response.status) ?? 0) + 1);
        await check(response, sent);
      }
      assert.equal(fixture.budget.usedBytes, 0);
      fixture.app.close();
      assert.equal(fixture.clock.pendingTimers, 0);
      assert.deepEqual(fixture.errors, []);
    },
  );
  await fc.assert(everyAnswer, propertyOptions({ numRuns: 300 }));
  // A generator that only ever makes refusals would prove little.
  for (const status of [200, 400, 404, 405, 413, 415]) {
    assert.ok((seen.get(status) ?? 0) > 0, `no request was answered with ${status}`);
  }
});

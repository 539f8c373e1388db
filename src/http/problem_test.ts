import assert from "node:assert/strict";
import { CacheError } from "../core/errors.ts";
import { HttpError, missAnswer, problemAnswer } from "./problem.ts";

Deno.test("a failure is told by the members of RFC 9457", () => {
  const fields = [{ pointer: "/ttl_seconds", detail: "too long" }];
  const answer = problemAnswer(new CacheError("invalid_ttl", "The TTL.", { fields }), "id-1");
  assert.equal(answer.status, 400);
  assert.deepEqual(answer.headers, { "Content-Type": "application/problem+json" });
  assert.deepEqual(JSON.parse(`${answer.body}`), {
    type: "urn:cache-service:problem:invalid_ttl",
    title: "Invalid TTL",
    status: 400,
    detail: "The TTL.",
    code: "invalid_ttl",
    correlation_id: "id-1",
    errors: fields,
  });
});

Deno.test("nothing of an unknown failure is told", () => {
  const answer = problemAnswer(new Error("redis://10.0.0.1 secret"), "id-1");
  assert.equal(answer.status, 500);
  assert.doesNotMatch(`${answer.body}`, /secret|10\.0\.0\.1|errors/);
});

Deno.test("503 says when to retry, 401 how to prove who calls", () => {
  const header = (error: Error, name: string) => problemAnswer(error, "id").headers[name];
  assert.equal(header(new CacheError("redis_unavailable", ""), "Retry-After"), "1");
  assert.equal(
    header(new CacheError("circuit_open", "", { retryAfterSeconds: 7 }), "Retry-After"),
    "7",
  );
  assert.equal(header(new CacheError("unauthorized", ""), "WWW-Authenticate"), "Bearer");
  assert.equal(header(new HttpError("method_not_allowed", "", { Allow: "GET" }), "Allow"), "GET");
});

Deno.test("a miss is a problem that says found: false", () => {
  const miss = missAnswer("id-1", { degraded: false });
  assert.equal(miss.headers["X-Cache-Degraded"], undefined);
  assert.deepEqual(JSON.parse(`${miss.body}`), {
    found: false,
    type: "urn:cache-service:problem:key_not_found",
    title: "Key not found",
    status: 404,
    detail: "There is no entry under this key.",
    code: "key_not_found",
    correlation_id: "id-1",
  });
  const degraded = missAnswer("id-1", { degraded: true });
  assert.equal(degraded.headers["X-Cache-Degraded"], "true");
  assert.equal(JSON.parse(`${degraded.body}`).degraded, true);
});

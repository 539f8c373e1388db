import assert from "node:assert/strict";
import { transportFault } from "./transport_fault.ts";

const SET = { path: "/cache.v1.CacheService/Set", maxBytes: 100 };
const BATCH_SET = { path: "/cache.v1.CacheService/BatchSet", maxBytes: 100 };

Deno.test("a message over the limit is a value or a batch that is too large", () => {
  const status = { code: 8, details: "Received message larger than max (4242 vs 100)" };
  const error = transportFault(status, SET);
  assert.equal(error?.code, "value_too_large");
  assert.equal(error.message, "A request has at most 100 bytes; this one has 4242.");
  assert.equal(transportFault(status, BATCH_SET)?.code, "batch_too_large");
});

Deno.test("a message over the limit once decompressed is too large", () => {
  const details = "Received message that decompresses to a size larger than 100";
  assert.equal(transportFault({ code: 8, details }, SET)?.code, "value_too_large");
});

Deno.test("a request that cannot be read is the caller's fault", () => {
  for (
    const details of [
      "Failed to decompress message",
      'Invalid grpc-timeout value "soon"',
      "Error deserializing request",
    ]
  ) {
    assert.equal(transportFault({ code: 13, details }, SET)?.code, "invalid_request", details);
  }
});

Deno.test("a request that is not exactly one message is the caller's fault", () => {
  for (const number of ["no", "a second"]) {
    const details = `Received ${number} request message for server streaming method /s/M`;
    assert.equal(transportFault({ code: 12, details }, SET)?.code, "invalid_request", details);
  }
});

Deno.test("a passed deadline has its code", () => {
  const status = { code: 4, details: "Deadline exceeded" };
  assert.equal(transportFault(status, SET)?.code, "deadline_exceeded");
});

Deno.test("what else the library fails with says nothing of the inside", () => {
  for (const code of [2, 13]) {
    const error = transportFault({ code, details: "at 10.0.0.7: secret" }, SET);
    assert.equal(error?.code, "internal");
    assert.doesNotMatch(error.message, /secret/);
  }
});

Deno.test("a status that says all stays as it is", () => {
  const statuses = [
    { code: 12, details: "The server does not implement the method" },
    { code: 5, details: "This service is not served here." },
    { code: 8, details: "Too many calls watch the health already." },
  ];
  for (const status of statuses) assert.equal(transportFault(status, SET), undefined);
});

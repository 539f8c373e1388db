import assert from "node:assert/strict";
import type { z } from "zod";
import { CacheError } from "../core/errors.ts";
import { parseJsonBody } from "./json_body.ts";
import { batchGetBody, batchSetBody, setBody } from "./body_schemas.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function fault(schema: z.ZodType, body: string | Uint8Array): CacheError {
  try {
    parseJsonBody(schema, typeof body === "string" ? bytes(body) : body);
  } catch (error) {
    if (error instanceof CacheError) return error;
    throw error;
  }
  assert.fail(`accepted ${body}`);
}

Deno.test("a set body gives its bytes and options; unknown members are ignored", () => {
  const body = '{"value":"aGk=","ttl_seconds":60,"encrypt":true,"x":1,"__proto__":{"value":1}}';
  assert.deepEqual(parseJsonBody(setBody, bytes(body)), {
    value: bytes("hi"),
    ttl_seconds: 60,
    encrypt: true,
  });
  assert.deepEqual(parseJsonBody(setBody, bytes('{"value":""}')), { value: bytes("") });
});

Deno.test("a member of the wrong type is invalid_request with its pointer", () => {
  for (
    const [schema, body, pointer] of [
      [setBody, "{}", "/value"],
      [setBody, '{"value":null}', "/value"],
      [setBody, '{"value":1}', "/value"],
      [setBody, '{"value":"","encrypt":"true"}', "/encrypt"],
      [setBody, '{"value":"","encrypt":null}', "/encrypt"],
      [setBody, '{"__proto__":{"value":"aGk="}}', "/value"],
      [setBody, "[]", ""],
      [setBody, "null", ""],
      [setBody, '"text"', ""],
      [batchGetBody, "{}", "/keys"],
      [batchGetBody, '{"keys":"k"}', "/keys"],
      [batchGetBody, '{"keys":["a",null,1]}', "/keys/1"],
      [batchSetBody, "{}", "/entries"],
      [batchSetBody, '{"entries":["aGk="]}', "/entries"],
      [batchSetBody, '{"entries":{"a/~":7}}', "/entries/a~1~0"],
    ] as const
  ) {
    const error = fault(schema, body);
    assert.equal(error.code, "invalid_request", body);
    assert.deepEqual(error.fields.map((field) => field.pointer), [pointer], body);
  }
});

Deno.test("a TTL that is no number is invalid_ttl", () => {
  for (const ttl of ['"60"', "null", "1e400", "true", "[]"]) {
    const error = fault(setBody, `{"value":"","ttl_seconds":${ttl}}`);
    assert.equal(error.code, "invalid_ttl", ttl);
    assert.deepEqual(error.fields.map((field) => field.pointer), ["/ttl_seconds"]);
  }
});

Deno.test("text that is not strict base64 is invalid_value", () => {
  for (const text of ["aGk", "aGk=\\n", "a Gk=", "-_8=", "aGl="]) {
    assert.equal(fault(setBody, `{"value":"${text}"}`).code, "invalid_value", text);
    assert.equal(fault(batchSetBody, `{"entries":{"k":"${text}"}}`).code, "invalid_value", text);
  }
});

Deno.test("all faults of one body are told at once", () => {
  const error = fault(setBody, '{"value":1,"ttl_seconds":"1","encrypt":2}');
  assert.equal(error.code, "invalid_request");
  assert.equal(error.fields.length, 3);
});

Deno.test("a long list of faults is told by its first", () => {
  const error = fault(batchGetBody, `{"keys":[${"1,".repeat(50)}1]}`);
  assert.equal(error.fields.length, 1);
});

Deno.test("a body that is not JSON in UTF-8 is refused without quoting it", () => {
  for (const body of ["", "{", "secret", Uint8Array.of(0x22, 0xff, 0x22)]) {
    const error = fault(setBody, body);
    assert.equal(error.code, "invalid_request");
    assert.doesNotMatch(error.message, /secret/);
  }
});

Deno.test("entries keep keys that name members of every object", () => {
  const body = '{"entries":{"__proto__":"AA==","constructor":"AQ==","toString":"Ag=="}}';
  const { entries } = parseJsonBody(batchSetBody, bytes(body));
  assert.deepEqual([...entries], [
    ["__proto__", Uint8Array.of(0)],
    ["constructor", Uint8Array.of(1)],
    ["toString", Uint8Array.of(2)],
  ]);
});

Deno.test("a body with far more values than its call can have is refused unparsed", () => {
  const million = Array.from({ length: 1_000_000 }, (_, index) => index * 3700);
  const members = `{${million.map((index) => `"${index}":""`).join()}}`;
  for (
    const [schema, body] of [
      [batchGetBody, `{"keys":[${million.map(() => '""').join()}]}`],
      [batchGetBody, `{"keys":[${million.join()}]}`],
      [batchGetBody, `{"keys":${"[".repeat(1_000_000)}`],
      [batchSetBody, `{"entries":${members}}`],
    ] as const
  ) {
    const parse = () => parseJsonBody<unknown>(schema, bytes(body), { maxKeys: 1000 });
    assert.throws(parse, { code: "batch_too_large" });
  }
  const { code } = fault(setBody, `{"value":"","x":${members}}`);
  assert.equal(code, "invalid_request");
});

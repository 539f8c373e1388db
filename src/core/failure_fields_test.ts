import assert from "node:assert/strict";
import { CacheError } from "./errors.ts";
import { failureFields } from "./failure_fields.ts";

Deno.test("an unknown error is told by name and place, not by a message that may quote a key", () => {
  const fields = failureFields(new TypeError("no such key: secret"));
  assert.equal(fields.code, "internal");
  assert.equal(fields.cause, "TypeError");
  assert.match(`${fields.stack}`, /failure_fields_test\.ts/);
  assert.doesNotMatch(JSON.stringify(fields), /secret/);
});

Deno.test("an error of the service is told by its own message", () => {
  assert.deepEqual(failureFields(new CacheError("entry_invalid", "Cannot be read.")), {
    code: "entry_invalid",
    error: "Cannot be read.",
  });
});

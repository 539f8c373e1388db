import assert from "node:assert/strict";
import { correlationId } from "./correlation.ts";

const newId = (): string => "new";

Deno.test("a correlation id of 1 to 128 visible ASCII characters is taken over", () => {
  for (const id of ["a", "!", "~", "0f7c-42/x", "x".repeat(128)]) {
    assert.equal(correlationId(id, newId), id);
  }
});

Deno.test("any other correlation id is replaced by a new one", () => {
  for (const id of [undefined, null, "", " ", "a b", "a\n", "a\x7f", "é", "x".repeat(129)]) {
    assert.equal(correlationId(id, newId), "new");
  }
});

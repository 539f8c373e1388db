import assert from "node:assert/strict";
import { writeQuery } from "./write_query.ts";

Deno.test("writeQuery reads its two parameters and leaves all others alone", () => {
  assert.deepEqual(writeQuery("http://h/k"), {});
  assert.deepEqual(writeQuery("http://h/k?other=1&x"), {});
  assert.deepEqual(writeQuery("http://h/k?ttl_seconds=60"), { ttlSeconds: 60 });
  assert.deepEqual(writeQuery("http://h/k?encrypt=true&ttl_seconds=0"), {
    ttlSeconds: 0,
    encrypt: true,
  });
  assert.deepEqual(writeQuery("http://h/k?encrypt=false"), { encrypt: false });
});

Deno.test("writeQuery refuses a TTL that is not one run of digits", () => {
  for (const text of ["", "1.5", "abc", "-1", "+1", "1e3", " 1", "1&ttl_seconds=1", "9999999999"]) {
    assert.throws(
      () => writeQuery(`http://h/k?ttl_seconds=${text}`),
      { code: "invalid_ttl" },
      text,
    );
  }
});

Deno.test("writeQuery refuses an encrypt that is neither true nor false", () => {
  for (const text of ["", "1", "TRUE", "yes", "true&encrypt=true"]) {
    assert.throws(
      () => writeQuery(`http://h/k?encrypt=${text}`),
      { code: "invalid_request" },
      text,
    );
  }
});

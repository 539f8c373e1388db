import assert from "node:assert/strict";
import { findProgram } from "./find_program.ts";

Deno.test("programs are found on PATH and by path, others are not", () => {
  assert.match(findProgram("sh") ?? "", /\/sh$/);
  assert.equal(findProgram("/bin/sh"), "/bin/sh");
  assert.equal(findProgram("no-such-program"), undefined);
  assert.equal(findProgram("/etc/passwd"), undefined);
  assert.equal(findProgram("/etc"), undefined);
});

import assert from "node:assert/strict";
import { abortsUnderGrpc, canServeGrpc } from "./deno_version.ts";

Deno.test("the versions of Deno that abort are known, and their neighbours are not among them", () => {
  for (const version of ["2.9.4", "2.9.5", "2.9.6", "2.9.8"]) {
    assert.equal(abortsUnderGrpc(version), true, version);
  }
  for (const version of ["2.7.14", "2.9.3", "2.9.7", "2.9.9", "2.10.0", "12.9.4"]) {
    assert.equal(abortsUnderGrpc(version), false, version);
  }
});

Deno.test("the versions of Deno that cannot serve gRPC are known", () => {
  for (const version of ["1.46.3", "2.0.0", "2.6.10"]) {
    assert.equal(canServeGrpc(version), false, version);
  }
  for (const version of ["2.7.14", "2.9.3", "2.10.0", "3.0.0"]) {
    assert.equal(canServeGrpc(version), true, version);
  }
});

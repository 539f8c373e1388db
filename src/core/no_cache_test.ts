import assert from "node:assert/strict";
import { asksNoCache } from "./no_cache.ts";

for (const asking of ["no-cache", "No-Cache", "max-age=0, no-cache", " no-cache ,no-store"]) {
  Deno.test(`${JSON.stringify(asking)} asks for no copy`, () => {
    assert.equal(asksNoCache(asking), true);
  });
}
for (const other of [undefined, null, "", "no-store", "max-age=0", "x-no-cache", "no-cachet"]) {
  Deno.test(`${JSON.stringify(other)} does not ask for no copy`, () => {
    assert.equal(asksNoCache(other), false);
  });
}

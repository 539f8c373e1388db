import assert from "node:assert/strict";
import { sbom } from "../../tools/sbom.ts";

Deno.test("a list of contents names each package once, by name, version and digest", () => {
  const integrity = `sha512-${"A".repeat(86)}==`;
  const lock = { npm: { "@scope/a@1.2.3": { integrity }, "b@4.5.6_c@7.8.9": { integrity } } };
  const { packages, relationships } = sbom(lock, "0.1.0", "2026-01-01T00:00:00Z");
  assert.deepEqual(packages.map(({ externalRefs }) => externalRefs[0]?.referenceLocator), [
    "pkg:generic/cache-service@0.1.0",
    `pkg:github/denoland/deno@v${Deno.version.deno}`,
    "pkg:npm/%40scope/a@1.2.3",
    "pkg:npm/b@4.5.6",
  ]);
  assert.equal(packages[2]?.checksums?.[0]?.checksumValue, "0".repeat(128));
  assert.equal(new Set(packages.map(({ SPDXID }) => SPDXID)).size, packages.length);
  assert.equal(relationships.length, packages.length);
});

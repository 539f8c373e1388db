// Prints, as SPDX, what the binary is made of by deno.lock: `sbom.ts VERSION TIME`. Scanners of images
// do not see into it.
import { Buffer } from "node:buffer";

interface Lock {
  readonly npm: Readonly<Record<string, { readonly integrity: string }>>;
}

interface Package {
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly sha512?: string;
}

/** `@scope/name@1.2.3_peer@4.5.6` without its peers. */
function npmPackage(id: string, integrity: string): Package {
  const [, name = "", version = ""] = id.match(/^(@?[^@]+)@([^_]+)/) ?? [];
  return {
    name,
    version,
    purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
    sha512: Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex"),
  };
}

interface Sbom {
  readonly packages: readonly {
    readonly SPDXID: string;
    readonly checksums?: readonly { readonly checksumValue: string }[];
    readonly externalRefs: readonly { readonly referenceLocator: string }[];
  }[];
  readonly relationships: readonly unknown[];
}

export function sbom(lock: Lock, version: string, created: string): Sbom {
  const program: Package = {
    name: "cache-service",
    version,
    purl: `pkg:generic/cache-service@${version}`,
  };
  const { deno } = Deno.version;
  const packages: Package[] = [
    program,
    { name: "deno", version: deno, purl: `pkg:github/denoland/deno@v${deno}` },
    ...Object.entries(lock.npm).map(([id, { integrity }]) => npmPackage(id, integrity)),
  ];
  const relation = (from: string, relationshipType: string, to: number): unknown => ({
    spdxElementId: from,
    relationshipType,
    relatedSpdxElement: `SPDXRef-${to}`,
  });
  const document = {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: `cache-service-${version}`,
    documentNamespace: `urn:cache-service:sbom:${version}:${created}`,
    creationInfo: { created, creators: ["Tool: cache-service/tools/sbom.ts"] },
    packages: packages.map(({ name, version, purl, sha512 }, index) => ({
      name,
      SPDXID: `SPDXRef-${index}`,
      versionInfo: version,
      downloadLocation: "NOASSERTION",
      filesAnalyzed: false,
      ...(sha512 === undefined
        ? {}
        : { checksums: [{ algorithm: "SHA512", checksumValue: sha512 }] }),
      externalRefs: [{
        referenceCategory: "PACKAGE-MANAGER",
        referenceType: "purl",
        referenceLocator: purl,
      }],
    })),
    relationships: packages.map((_, index) =>
      index === 0
        ? relation("SPDXRef-DOCUMENT", "DESCRIBES", 0)
        : relation("SPDXRef-0", "CONTAINS", index)
    ),
  };
  return document;
}

if (import.meta.main) {
  const [version = "", created = ""] = Deno.args;
  const lock: Lock = JSON.parse(
    Deno.readTextFileSync(new URL("../deno.lock", import.meta.url)),
  );
  // deno-lint-ignore no-console -- what this program is for
  console.log(JSON.stringify(sbom(lock, version, created), null, 2));
}

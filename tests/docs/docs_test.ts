// Requirement 9.1: what the documentation promises is what the program knows.
import assert from "node:assert/strict";
import { SETTINGS } from "../../src/config/settings.ts";

/** A file's text, without the spaces that pad the columns of tables. */
function read(path: string): string {
  return Deno.readTextFileSync(new URL(`../../${path}`, import.meta.url)).replace(/ +/g, " ");
}

Deno.test("docs/operating.md has every setting with its default", () => {
  const rows = read("docs/operating.md").split("\n");
  for (const { name, default: fallback, secret } of SETTINGS) {
    const row = rows.find((line) => line.startsWith(`| \`${name}\``));
    assert(row !== undefined, `${name} is not documented`);
    assert(
      row.includes(fallback === undefined ? "| – |" : `| \`${fallback}\` |`),
      `${name} has the default ${fallback}`,
    );
    assert.equal(row.includes("(secret)"), secret, name);
  }
});

Deno.test("docs/operating.md has no setting that the program does not know", () => {
  const known = new Set(SETTINGS.map(({ name }) => name));
  for (const [, name] of read("docs/operating.md").matchAll(/^\| `([A-Z_]+)`/gm)) {
    assert(known.has(name ?? ""), `${name} is no setting`);
  }
});

Deno.test("docs/api.md has every error code", () => {
  const api = read("docs/api.md");
  const source = read("src/core/errors.ts");
  const union = source.slice(source.indexOf("ErrorCode ="));
  const codes = [...union.slice(0, union.indexOf(";")).matchAll(/"([a-z_]+)"/g)].map(([, code]) =>
    code
  );
  assert(codes.length > 15);
  for (const code of codes) assert(api.includes(`\`${code}\``), `${code} is not documented`);
});

Deno.test("links between documents lead somewhere", () => {
  const root = new URL("../../", import.meta.url);
  const documents = ["README.md", "docs/api.md", "docs/architecture.md", "docs/operating.md"];
  documents.push("docs/development.md", "docs/threat_model.md");
  for (const document of documents) {
    for (const [, target] of read(document).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)) {
      Deno.statSync(new URL(target ?? "", new URL(document, root)));
    }
  }
});

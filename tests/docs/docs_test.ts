// Requirement 9.1: what the documentation promises is what the program knows.
import assert from "node:assert/strict";
import { SETTINGS } from "../../src/config/settings.ts";
import { readProject } from "../deploy/deploy_files.ts";
import { anchorsOf, documents, linksOf, section, withoutCodeBlocks } from "./markdown.ts";

/** A file's text, without the spaces that pad the columns of tables. */
function read(path: string): string {
  return readProject(path).replace(/ +/g, " ");
}

Deno.test("docs/operating.md has every setting with its default", () => {
  const rows = section(read("docs/operating.md"), "## Settings").split("\n");
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

Deno.test("links between documents lead somewhere, to a heading that is there", () => {
  const root = new URL("../../", import.meta.url);
  for (const document of documents()) {
    for (const { path, anchor } of linksOf(readProject(document))) {
      const target = path === "" ? document : join(document, path);
      Deno.statSync(new URL(target, root));
      if (anchor === undefined) continue;
      const anchors = anchorsOf(readProject(target));
      assert(anchors.has(anchor), `${document} links to #${anchor}, which ${target} does not have`);
    }
  }
});

Deno.test("a code span ends on the line on which it begins", () => {
  for (const document of documents()) {
    for (const [index, line] of withoutCodeBlocks(readProject(document)).split("\n").entries()) {
      const marks = line.replace(/\\`/g, "").split("`").length - 1;
      assert.equal(marks % 2, 0, `${document}:${index + 1}: ${line}`);
    }
  }
});

/** The path of a link's target, from the root of the project. */
function join(document: string, path: string): string {
  return new URL(path, `file:///${document}`).pathname.slice(1);
}

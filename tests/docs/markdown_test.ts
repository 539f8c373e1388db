import assert from "node:assert/strict";
import { anchorsOf, linksOf, section, withoutCodeBlocks } from "./markdown.ts";

Deno.test("headings have the anchors that GitHub gives them", () => {
  const text = [
    "# Rotating keys",
    "## When Redis is away, and `back`",
    "### redis",
    "### Redis",
    "## See [the API](api.md)",
    "## p99_ms: 10 %",
    "```sh",
    "# no heading",
    "```",
  ].join("\n");
  assert.deepEqual([...anchorsOf(text)], [
    "rotating-keys",
    "when-redis-is-away-and-back",
    "redis",
    "redis-1",
    "see-the-api",
    "p99_ms-10-",
  ]);
});

Deno.test("links are found with their anchors, and only those within the project", () => {
  const text = "[a](api.md) [b](api.md#errors)\n[c](#limits) [d](https://example.com/x#y)\n" +
    "```md\n[e](none.md)\n```\n";
  assert.deepEqual(linksOf(text), [
    { path: "api.md", anchor: undefined },
    { path: "api.md", anchor: "errors" },
    { path: "", anchor: "limits" },
  ]);
});

Deno.test("a section ends at the next heading of its level or above", () => {
  const text = "## a\none\n### b\ntwo\n## c\nthree\n";
  assert.equal(section(text, "## a"), "one\n### b\ntwo");
  assert.equal(section(text, "### b"), "two");
  assert.throws(() => section(text, "## d"), /no heading "## d"/);
});

Deno.test("blocks of code leave their lines, also in lists", () => {
  assert.equal(withoutCodeBlocks("a\n  ```sh\n  b `c\n  ```\nd"), "a\n\n\n\nd");
});

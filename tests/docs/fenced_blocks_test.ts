import assert from "node:assert/strict";
import { parseBlocks } from "./fenced_blocks.ts";

const MARKDOWN = `# Title

\`\`\`sh
ls
\`\`\`

\`\`\`text
a
b
\`\`\`

Words.

- an item

  \`\`\`json
  { "a": 1 }
  \`\`\`

\`\`\`\`
\`\`\`sh
no block
\`\`\`
\`\`\`\`
`;

Deno.test("fenced blocks: with line, language and text", () => {
  const blocks = parseBlocks(MARKDOWN, "a.md");
  assert.deepEqual(blocks.map(({ line, language, text }) => ({ line, language, text })), [
    { line: 3, language: "sh", text: "ls\n" },
    { line: 7, language: "text", text: "a\nb\n" },
    { line: 16, language: "json", text: '{ "a": 1 }\n' },
    { line: 20, language: "", text: "```sh\nno block\n```\n" },
  ]);
});

Deno.test("fenced blocks: a block adjoins the one before where no words stand between", () => {
  const adjoining = parseBlocks(MARKDOWN, "a.md").map(({ adjoins }) => adjoins);
  assert.deepEqual(adjoining, [false, true, false, true]);
});

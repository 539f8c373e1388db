import assert from "node:assert/strict";
import { generateTypes } from "./generate_types.ts";

const COMMITTED = new URL("../../src/grpc/generated/", import.meta.url).pathname;

/** The text of every file below `folder`, by its path there. */
async function filesIn(folder: string, prefix = ""): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for await (const { name, isDirectory } of Deno.readDir(`${folder}/${prefix}`)) {
    const path = `${prefix}${name}`;
    if (isDirectory) {
      for (const [below, text] of await filesIn(folder, `${path}/`)) files.set(below, text);
    } else files.set(path, await Deno.readTextFile(`${folder}/${path}`));
  }
  return files;
}

Deno.test("the generated types are those of the proto files", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await generateTypes(folder);
    assert.deepEqual(await filesIn(COMMITTED), await filesIn(folder));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

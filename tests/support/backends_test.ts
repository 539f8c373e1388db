import assert from "node:assert/strict";

const BACKENDS = new URL("./backends.ts", import.meta.url).href;

/** Runs `source` as a test file of its own and returns what the runner prints. */
async function runTests(source: string, env: Record<string, string>): Promise<string> {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(
    `${folder}/sample_test.ts`,
    `import { serverTest, sharedServer } from "${BACKENDS}";\n${source}`,
  );
  const args = ["test", "--no-config", "--no-check", "--allow-all"];
  const sanitizers = ["--sanitize-ops", "--sanitize-resources"];
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [...args, ...sanitizers],
    cwd: folder,
    env: { NO_COLOR: "1", ...env },
  }).output();
  await Deno.remove(folder, { recursive: true });
  return new TextDecoder().decode(stdout);
}

const twoTests = `
  serverTest({ name: "runs", needs: ["sh"], fn() {} });
  serverTest({ name: "waits", needs: ["sh", "no-such-server"], fn() {} });`;

Deno.test("a test whose server is missing is skipped and says what is missing", async () => {
  const output = await runTests(twoTests, { TEST_LEGS: "all" });
  assert.match(output, /runs \.\.\. ok/);
  assert.match(output, /waits \(missing: no-such-server\) \.\.\. ignored/);
});

Deno.test("TEST_LEGS=memory registers no server test", async () => {
  assert.match(await runTests(twoTests, { TEST_LEGS: "memory" }), /0 passed \| 0 failed/);
});

Deno.test("a shared server starts once and stops once, also after a failed test", async () => {
  const output = await runTests(
    `const server = sharedServer({ needs: ["sh"], async start() {
       console.log("started");
       return { answer: 42, async [Symbol.asyncDispose]() { console.log("stopped"); } };
     } });
     serverTest({ name: "bad", needs: ["sh"], fn() { throw new Error("answer " + server().answer); } });
     serverTest({ name: "good", needs: ["sh"], fn() { server(); } });`,
    { TEST_LEGS: "all" },
  );
  assert.match(output, /answer 42/);
  assert.match(output, /1 passed \| 1 failed/);
  assert.deepEqual(output.match(/started|stopped/g), ["started", "stopped"]);
});

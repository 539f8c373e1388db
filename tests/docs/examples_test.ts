// Requirement 9.1: every command and every program that README.md and docs/api.md show works, and
// prints what they say.
import assert from "node:assert/strict";
import { runTool } from "../deploy/run_tool.ts";
import { serverTest, sharedServer } from "../support/backends.ts";
import { startRedis } from "../support/redis_server.ts";
import { JWT_SECRET, signToken } from "../support/tokens.ts";
import { DocumentExamples, type RunnableExample, startByBlock } from "./document_examples.ts";
import { ExampleFolder } from "./example_folder.ts";
import { placeOf } from "./fenced_blocks.ts";
import { installedPackages, pinnedVersions } from "./package_versions.ts";
import { Reader } from "./reader.ts";
import { RefusingProxy } from "./refusing_proxy.ts";

const DOCUMENTS = ["README.md", "docs/api.md"].map((document) => new DocumentExamples(document));
const START_NEEDS = ["bash", "npx"];
/** What a client says of a token that is missing. */
const REFUSED = /unauthorized|unauthenticated/i;

function titleOf({ block }: RunnableExample): string {
  const command = block.text.trim().split("\n").at(-1) ?? "";
  return `${placeOf(block)}: ${command.slice(0, 60)}`;
}

for (const examples of DOCUMENTS) {
  const { document } = examples;
  const sources = examples.sources();

  Deno.test(`${document}: every block of commands is run, or has a reason not to be`, () => {
    assert.deepEqual(examples.faults, []);
    assert.equal(examples.exempt("starts the service").length, 1);
    assert(examples.runnable().length > 0);
  });

  Deno.test(`${document}: every source file has a name of its own, and is run`, () => {
    assert.equal(new Set(sources.map(({ file }) => file)).size, sources.length);
    for (const { file, block } of sources) {
      const isRun = examples.programs().some((program) =>
        program.file === file && program.example.block.line > block.line
      );
      assert(isRun, `${placeOf(block)}: ${file} is not run`);
    }
  });

  Deno.test(`${document}: it installs the packages that its examples are run with`, () => {
    const pinned = pinnedVersions();
    for (const block of examples.exempt("installs packages")) {
      for (const { name, version } of installedPackages(block.text)) {
        assert.equal(version, pinned(name), `${placeOf(block)}: ${name}`);
      }
    }
  });

  const reader = sharedServer({ needs: START_NEEDS, start: () => Reader.start(examples) });
  for (const example of examples.runnable()) {
    serverTest({
      name: titleOf(example),
      needs: [...START_NEEDS, ...example.needs],
      fn: () => reader().follow(example),
    });
  }

  for (const block of examples.exempt("starts the service over Redis")) {
    serverTest({
      name: `${placeOf(block)}: starts the service over Redis`,
      needs: [...START_NEEDS, "redis-server"],
      async fn(): Promise<void> {
        await using redis = await startRedis();
        const text = block.text.replaceAll("127.0.0.1:6379", redis.address);
        await using service = await startByBlock({ text });
        assert.equal((await service.health()).redis_status, "connected");
      },
    });
  }

  const typescript = sources.filter(({ block }) => block.language === "ts");
  if (typescript.length > 0) {
    serverTest({
      name: `${document}: the types of its TypeScript are right`,
      needs: START_NEEDS,
      async fn(): Promise<void> {
        const { path } = reader().folder;
        const files = typescript.map(({ file }) => `${path}/${file}`);
        await runTool([`${path}/bin/deno`, "check", ...files]);
      },
    });
  }

  for (const { file, example } of examples.programs()) {
    if (!sources.some(({ block, file: name }) => name === file && retries(block.text))) continue;
    serverTest({
      name: `${placeOf(example.block)}: ${file} asks again, after 503`,
      needs: [...START_NEEDS, ...example.needs],
      async fn(): Promise<void> {
        await using proxy = new RefusingProxy(reader().service.origin);
        const ports = { httpPort: proxy.port, grpcPort: 0 };
        using folder = new ExampleFolder(examples, ports);
        const { code, stderr } = await folder.run(example.block);
        assert.equal(code, 0, stderr);
        // A refused SET, the same again, and two GETs.
        assert.equal(proxy.requests, 4);
      },
    });
  }
}

function retries(source: string): boolean {
  return source.includes("Retry-After");
}

for (const examples of DOCUMENTS) {
  const programs = examples.programs();
  if (programs.length === 0) continue;
  const reader = sharedServer({
    needs: START_NEEDS,
    start: () => Reader.start(examples, { AUTH_ENABLED: "true", AUTH_JWT_SECRET: JWT_SECRET }),
  });

  for (const { file, example } of programs) {
    serverTest({
      name: `${placeOf(example.block)}: ${file} with a token, and refused without one`,
      needs: [...START_NEEDS, ...example.needs],
      async fn(): Promise<void> {
        await reader().generateStubs(example);
        const { code, stdout, stderr } = await reader().folder.run(example.block);
        assert.notEqual(code, 0, "a refusal is no success");
        assert.equal(stdout, "", "a refusal is neither hit nor miss");
        assert.match(stderr, REFUSED);
        const token = await signToken({ namespace: "demo" });
        await reader().follow(example, { CACHE_SERVICE_TOKEN: token });
      },
    });
  }
}

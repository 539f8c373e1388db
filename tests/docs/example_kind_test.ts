import assert from "node:assert/strict";
import { assignmentsOf, exampleKind, programsOf } from "./example_kind.ts";
import type { Block } from "./fenced_blocks.ts";

function block(language: string, text: string, adjoins = true): Block {
  return { document: "a.md", line: 1, language, text, adjoins };
}

function kindOf(commands: string): ReturnType<typeof exampleKind> {
  return exampleKind(block("sh", commands), undefined);
}

Deno.test("kinds of examples: commands are run, and need their programs", () => {
  const cases: [commands: string, needs: string[]][] = [
    ["curl http://127.0.0.1:8080/health\n", ["curl"]],
    ["# Bytes\nprintf 'a | b' | curl -d @- \\\n  http://127.0.0.1:8080\n", ["curl"]],
    ["grpcurl -plaintext 127.0.0.1:50051 list\n", ["grpcurl"]],
    ["base=http://127.0.0.1:8080\n", []],
    ["deno run a.ts\n", []],
    ["go run rest_client.go\n", ["go"]],
    ["go run grpc_client.go\n", ["go", "protoc", "protoc-gen-go", "protoc-gen-go-grpc"]],
    ["python3 rest_client.py\n", ["python3"]],
    ["python3 grpc_client.py\n", ["python3", "grpc-python"]],
  ];
  for (const [commands, needs] of cases) {
    assert.deepEqual(kindOf(commands), { kind: "run", needs }, commands);
  }
});

Deno.test("kinds of examples: each exemption has its reason", () => {
  const cases = [
    ["npx -y deno@2.9.3 task dev\n", "starts the service"],
    [
      "REDIS_ADDRESSES=127.0.0.1:6379 npx -y deno@2.9.3 task dev\n",
      "starts the service over Redis",
    ],
    ["npx -y deno@2.9.3 task test\n", "runs the tests"],
    ["npm install a@1.2.3 @b/c@4.5.6\n", "installs packages"],
    ["go mod init example\ngo get a.example/b@v1.2.3\n", "installs packages"],
    ["pip install a==1.2.3\n", "installs packages"],
  ];
  for (const [commands = "", reason] of cases) {
    assert.deepEqual(kindOf(commands), { kind: "exempt", reason }, commands);
  }
});

Deno.test("kinds of examples: commands that are neither run nor exempt are refused", () => {
  for (
    const commands of [
      "docker compose up\n",
      "curl http://127.0.0.1:8080 | jq .\n",
      "npx -y deno@2.9.3 task dev && rm -rf data\n",
      "npx -y deno@2.9.3 task dev\ndocker ps\n",
      "pip install a==1.2.3 && make\n",
      "A=1 make\n",
    ]
  ) assert.throws(() => kindOf(commands), /neither run/, commands);
  for (const language of ["bash", "console", "yaml", "rust"]) {
    assert.throws(() => exampleKind(block(language, "a\n"), undefined), /nothing is known/);
  }
});

Deno.test("kinds of examples: an output belongs to the commands right before it", () => {
  const commands = block("sh", "curl http://127.0.0.1:8080\n");
  assert.deepEqual(exampleKind(block("json", "{}"), commands), { kind: "output" });
  assert.deepEqual(exampleKind(block("text", "a"), commands), { kind: "output" });
  assert.deepEqual(exampleKind(block("json", "{}", false), commands), { kind: "picture" });
  assert.deepEqual(exampleKind(block("json", "{}"), block("", "a")), { kind: "picture" });
  const exempt = block("sh", "npx -y deno@2.9.3 task dev\n");
  assert.throws(() => exampleKind(block("text", "a"), exempt), /not run/);
});

Deno.test("kinds of examples: a source file names itself", () => {
  assert.deepEqual(exampleKind(block("ts", "// a.ts\nf();\n"), undefined), {
    kind: "source",
    file: "a.ts",
  });
  assert.deepEqual(exampleKind(block("python", "# a.py\nf()\n"), undefined), {
    kind: "source",
    file: "a.py",
  });
  assert.throws(() => exampleKind(block("go", "package main\n"), undefined), /file's name/);
});

Deno.test("programs: what stands in quotes is none", () => {
  assert.deepEqual(programsOf(`a=1\nb '; c' "| d" | e && f; g # h\n`), ["b", "e", "f", "g"]);
});

Deno.test("assignments: lines that do nothing else", () => {
  assert.deepEqual(assignmentsOf(block("sh", "a=1\nb=2 c\nd=e/f\n")), ["a=1", "d=e/f"]);
});

// Requirement 9.1: one command runs the service for development, and what it prints works.
import assert from "node:assert/strict";
import { serverTest, sharedServer } from "../support/backends.ts";
import { freePorts, grpcTest, SERVES_GRPC, ServiceProcess } from "./service_process.ts";

const service = sharedServer({
  needs: [],
  start: () => ServiceProcess.start(freePorts(), { task: "dev" }),
});

/** The lines after "Try:" that call `program`. */
function printedLines(program: string): string[] {
  return service().output().split("\n").map((line) => line.trim())
    .filter((line) => line.startsWith(`${program} `));
}

// deno-lint-ignore no-explicit-any -- whatever JSON the service answers; tests look at it
async function paste(line: string): Promise<any> {
  const { code, stdout, stderr } = await new Deno.Command("timeout", {
    args: ["20", "bash", "-c", line],
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  assert.equal(code, 0, `${line}\n${text.decode(stderr)}`);
  return JSON.parse(text.decode(stdout));
}

serverTest({
  name: "dev: prints where it listens",
  needs: [],
  fn: () => {
    const { origin, grpcAddress } = service();
    const output = service().output();
    const grpc = SERVES_GRPC ? grpcAddress : "unavailable";
    for (const url of [`${origin}/openapi.json`, `${origin}/health`, `  ${grpc}`]) {
      assert.ok(output.includes(url), `${url} is not in\n${output}`);
    }
  },
});

serverTest({
  name: "dev: the curl lines that it prints work",
  needs: ["bash", "curl"],
  async fn(): Promise<void> {
    const [put = "", get = "", ...others] = printedLines("curl");
    assert.deepEqual(others, []);
    assert.deepEqual(await paste(put), { success: true });
    const { found, value } = await paste(get);
    assert.deepEqual({ found, value }, { found: true, value: btoa("hello") });
  },
});

grpcTest({
  name: "dev: the grpcurl lines that it prints work",
  needs: ["bash", "grpcurl"],
  async fn(): Promise<void> {
    const lines = printedLines("grpcurl");
    assert.equal(lines.length, 2);
    const set = lines.find((line) => line.endsWith("/Set")) ?? "";
    assert.equal((await paste(set)).success, true);
    const get = lines.find((line) => line.endsWith("/Get")) ?? "";
    await fetch(`${service().origin}/api/v1/cache/demo/greeting`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ value: btoa("hello") }),
    }).then((response) => response.body?.cancel());
    const { found, value } = await paste(get);
    assert.deepEqual({ found, value }, { found: true, value: btoa("hello") });
  },
});

serverTest({
  name: "dev: other machines cannot reach it",
  needs: [],
  async fn(): Promise<void> {
    // All of 127.0.0.0/8 is this machine, so a server on every address would answer here as well.
    for (const port of [service().httpPort, service().grpcPort]) {
      await assert.rejects(
        Deno.connect({ hostname: "127.0.0.2", port }),
        Deno.errors.ConnectionRefused,
      );
    }
  },
});

serverTest({
  name: "dev: Ctrl-C ends it",
  needs: [],
  async fn(): Promise<void> {
    await using other = await ServiceProcess.start(freePorts(), { task: "dev" });
    other.signal("SIGINT");
    assert.equal((await other.ended).code, 0);
  },
});

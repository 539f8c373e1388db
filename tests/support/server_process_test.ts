import assert from "node:assert/strict";
import { serverTest } from "./backends.ts";
import { ServerProcess } from "./server_process.ts";
import { waitFor } from "./wait_for.ts";

/** Whether any process of the group is left, ended but unnoticed ones aside. */
async function groupLives(pid: number): Promise<boolean> {
  const { stdout } = await new Deno.Command("ps", { args: ["-eo", "pgid=,stat="] }).output();
  return new TextDecoder().decode(stdout).split("\n")
    .map((line) => line.trim().split(/\s+/))
    .some(([group, state]) => group === `${pid}` && !state?.startsWith("Z"));
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

serverTest({
  name: "stop ends the whole group and removes the folder",
  needs: ["ps", "sleep"],
  fn: async () => {
    const server = new ServerProcess("sh", { args: ["-c", "sleep 600 & sleep 600"] });
    assert.ok(server.running && exists(server.folder));
    await Promise.all([server.stop(), server.stop()]);
    assert.equal(server.running, false);
    assert.equal(await groupLives(server.pid), false);
    assert.equal(exists(server.folder), false);
  },
});

serverTest({
  name: "stop lets a frozen process end in its own way and leaves a folder that was given",
  needs: ["sleep"],
  fn: async () => {
    const folder = await Deno.makeTempDir();
    const script = "trap 'exit 7' TERM; echo ready; sleep 600 & wait";
    const server = new ServerProcess("sh", { args: ["-c", script], folder });
    await server.whenReady(() => server.outputTail() === "ready", { deadlineMs: 10_000 });
    server.freeze();
    await server.stop();
    assert.equal((await server.ended).code, 7);
    await Deno.remove(folder, { recursive: true });
  },
});

serverTest({
  name: "a server that ends early is reported with its output",
  needs: [],
  fn: async () => {
    const server = new ServerProcess("sh", { args: ["-c", "echo no such option >&2; exit 3"] });
    await assert.rejects(server.whenReady(() => false, { deadlineMs: 10_000 }), {
      message: "sh ended with 3; its last output:\nno such option",
    });
    assert.equal(exists(server.folder), false);
  },
});

serverTest({
  name: "a server that is never ready is stopped",
  needs: ["sleep"],
  fn: async () => {
    const server = new ServerProcess("sleep", { args: ["600"] });
    await assert.rejects(
      server.whenReady(() => false, { deadlineMs: 30 }),
      /^Error: waited 30 ms for sleep to be ready/,
    );
    assert.equal(server.running, false);
  },
});

serverTest({
  name: "a killed test runner leaves no server and no folder",
  needs: ["ps", "sleep"],
  fn: async () => {
    const module = new URL("./server_process.ts", import.meta.url).href;
    const runner = new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        `import { ServerProcess } from ${JSON.stringify(module)};
         const server = new ServerProcess("sleep", { args: ["600"] });
         server.freeze();
         console.log(server.pid, server.folder);
         Deno.kill(Deno.pid, "SIGKILL");`,
      ],
    });
    const { stdout } = await runner.output();
    const [pid = "", folder = ""] = new TextDecoder().decode(stdout).trim().split(" ");
    assert.match(`${pid} ${folder}`, /^\d+ \/.+cache-service-test-/);
    await waitFor(async () => !await groupLives(Number(pid)) && !exists(folder), {
      deadlineMs: 10_000,
      what: "the watchdog",
    });
  },
});

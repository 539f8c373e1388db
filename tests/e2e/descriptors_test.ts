// Requirements 8.5, 9.5: running out of file descriptors ends nothing but the accepting.
import assert from "node:assert/strict";
import { serverTest } from "../support/backends.ts";
import { waitFor } from "../support/wait_for.ts";
import { HttpConnection } from "./http_connection.ts";
import { memorySettings, ServiceProcess } from "./service_process.ts";

const SPARE_DESCRIPTORS = 10;

/** Lets a running process open no more than a few files beyond those it has. */
async function starve(pid: number): Promise<void> {
  const open = await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`));
  const limit = open.length + SPARE_DESCRIPTORS;
  const args = ["--pid", `${pid}`, `--nofile=${limit}:`];
  const { success } = await new Deno.Command("prlimit", { args }).output();
  assert.ok(success, "prlimit failed");
}

serverTest({
  name: "without file descriptors open connections are served, and new ones when there are some",
  needs: [],
  async fn(): Promise<void> {
    await using service = await ServiceProcess.start(memorySettings());
    using kept = await HttpConnection.open(service.httpPort);
    assert.equal((await kept.exchange("GET", "/live")).status, 200);
    await starve(service.pid);

    const crowd = new DisposableStack();
    try {
      for (let count = 0; count < 2 * SPARE_DESCRIPTORS; count++) {
        // Refused from when the server stops accepting.
        const connection = await HttpConnection.open(service.httpPort).catch(() => undefined);
        if (connection === undefined) break;
        crowd.use(connection);
      }
      const { level } = await service.logged("REST cannot accept connections; it tries again.");
      assert.equal(level, "error");
      assert.equal((await kept.exchange("GET", "/live")).status, 200);
    } finally {
      crowd.dispose();
    }
    await waitFor(async () => await service.readyStatus() === 200, {
      deadlineMs: 10_000,
      what: "new connections",
    });
    service.signal("SIGTERM");
    assert.equal((await service.ended).code, 0);
  },
});

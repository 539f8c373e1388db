// Requirements 8.5, 9.5: running out of file descriptors ends nothing but the accepting.
import assert from "node:assert/strict";
import { GrpcDriver } from "../support/grpc_driver.ts";
import { waitFor } from "../support/wait_for.ts";
import { HttpConnection } from "./http_connection.ts";
import { grpcTest, memorySettings, ServiceProcess } from "./service_process.ts";

const SPARE_DESCRIPTORS = 10;

/** Lets a running process open no more than a few files beyond those it has. */
async function starve(pid: number): Promise<void> {
  const open = await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`));
  const limit = open.length + SPARE_DESCRIPTORS;
  const args = ["--pid", `${pid}`, `--nofile=${limit}:`];
  const { success } = await new Deno.Command("prlimit", { args }).output();
  assert.ok(success, "prlimit failed");
}

/** Takes up all descriptors with connections to `port`, and keeps them until it is disposed of. */
async function crowd(port: number): Promise<DisposableStack> {
  const connections = new DisposableStack();
  for (let count = 0; count < 2 * SPARE_DESCRIPTORS; count++) {
    // Refused from when the server stops accepting.
    const connection = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => undefined);
    if (connection === undefined) break;
    connections.use(connection);
  }
  return connections;
}

// An older Deno does not say that it could not accept.
grpcTest({
  name: "without file descriptors open connections are served, and new ones when there are some",
  needs: [],
  async fn(): Promise<void> {
    await using service = await ServiceProcess.start(memorySettings());
    using kept = await HttpConnection.open(service.httpPort);
    assert.equal((await kept.exchange("GET", "/live")).status, 200);
    await starve(service.pid);

    const crowded = await crowd(service.httpPort);
    try {
      const { level } = await service.logged("REST cannot accept connections; it tries again.");
      assert.equal(level, "error");
      assert.equal((await kept.exchange("GET", "/live")).status, 200);
    } finally {
      crowded.dispose();
    }
    await waitFor(async () => await service.readyStatus() === 200, {
      deadlineMs: 10_000,
      what: "new connections",
    });
    service.signal("SIGTERM");
    assert.equal((await service.ended).code, 0);
  },
});

grpcTest({
  name: "without file descriptors gRPC serves open connections, and new ones when there are some",
  needs: [],
  async fn(): Promise<void> {
    await using service = await ServiceProcess.start(memorySettings());
    const kept = new GrpcDriver(`127.0.0.1:${service.grpcPort}`);
    const late = new GrpcDriver(`127.0.0.1:${service.grpcPort}`, { deadlineMs: 500 });
    try {
      await kept.get("n", "k");
      await starve(service.pid);
      const crowded = await crowd(service.grpcPort);
      try {
        const { level } = await service.logged("gRPC cannot accept connections; it tries again.");
        assert.equal(level, "error");
        await kept.get("n", "k");
      } finally {
        crowded.dispose();
      }
      await waitFor(() => late.get("n", "k"), { deadlineMs: 10_000, what: "new connections" });
      await kept.get("n", "k");
      service.signal("SIGTERM");
      assert.equal((await service.ended).code, 0);
    } finally {
      kept.close();
      late.close();
    }
  },
});

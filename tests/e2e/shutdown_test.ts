// Requirements 8.5, 9.5: a signal drains the service; nothing that was accepted is cut off.
import assert from "node:assert/strict";
import { serverTest } from "../support/backends.ts";
import { waitFor } from "../support/wait_for.ts";
import { endsConnection, HttpConnection } from "./http_connection.ts";
import { memorySettings, ServiceProcess } from "./service_process.ts";

const DEADLINE_MS = 10_000;
const ENTRY = "/api/v1/cache/drain/k";
const RAW = { "Content-Type": "application/octet-stream" };

function untilNotReady(service: ServiceProcess): Promise<unknown> {
  return waitFor(async () => await service.readyStatus() === 503, {
    deadlineMs: DEADLINE_MS,
    what: "the readiness probe to answer 503",
  });
}

/** The code with which it ends, within 10 s. */
async function exitCode(service: ServiceProcess): Promise<number> {
  const { code } = await waitFor(() => service.ended, {
    deadlineMs: DEADLINE_MS,
    what: "the process to end",
  });
  return code;
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  serverTest({
    name:
      `${signal}: not ready, but serving and closing connections, until the drain delay is over`,
    needs: [],
    async fn(): Promise<void> {
      const drainDelayMs = 2_000;
      await using service = await ServiceProcess.start({
        ...memorySettings(),
        SERVER_DRAIN_DELAY: `${drainDelayMs}ms`,
      });
      using early = await HttpConnection.open(service.httpPort);
      const before = await early.exchange("GET", ENTRY);
      assert.deepEqual([before.status, endsConnection(before)], [404, false]);

      const signalledAt = performance.now();
      service.signal(signal);
      await untilNotReady(service);
      assert.ok(performance.now() - signalledAt < drainDelayMs, "not ready came late");
      using late = await HttpConnection.open(service.httpPort);
      for (const connection of [early, late]) {
        const answer = await connection.exchange("GET", ENTRY);
        assert.deepEqual([answer.status, endsConnection(answer)], [404, true]);
      }
      assert.equal((await service.health()).healthy, false);

      assert.equal(await exitCode(service), 0);
      assert.ok(performance.now() - signalledAt >= drainDelayMs, "the drain delay was cut short");
    },
  });

  serverTest({
    name: `${signal} twice: ends at once and says that it was not in order`,
    needs: [],
    async fn(): Promise<void> {
      await using service = await ServiceProcess.start({
        ...memorySettings(),
        SERVER_DRAIN_DELAY: "10m",
      });
      service.signal(signal);
      // A terminal and a task runner may both pass on one signal: that is no second one.
      service.signal(signal);
      await untilNotReady(service);
      const askedAtMs = performance.now();
      await waitFor(() => performance.now() - askedAtMs > 600, {
        deadlineMs: 5000,
        what: "the time in which a signal counts as the same",
      });
      assert.equal((await service.health()).healthy, false);
      service.signal(signal);
      assert.equal(await exitCode(service), 1);
    },
  });
}

serverTest({
  name: "a request whose body is still coming when the signal arrives gets its answer",
  needs: [],
  async fn(): Promise<void> {
    await using service = await ServiceProcess.start(memorySettings());
    using connection = await HttpConnection.open(service.httpPort);
    const pieces = Array.from({ length: 10 }, (_, index) => `piece ${index};`);
    await connection.sendHead(`PUT ${ENTRY}`, {
      ...RAW,
      "Content-Length": `${pieces.join("").length}`,
      "Expect": "100-continue",
    });
    // Sent when the handler begins to read, so the request is in the service's hands.
    assert.equal((await connection.answer()).status, 100);
    service.signal("SIGTERM");
    await service.logged("draining");
    for (const piece of pieces) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      await connection.send(piece);
    }
    assert.equal((await connection.answer()).status, 200);
    assert.equal(await exitCode(service), 0);
  },
});

serverTest({
  name: "a request that does not end is cut off after the graceful timeout, and the log says so",
  needs: [],
  async fn(): Promise<void> {
    await using service = await ServiceProcess.start({
      ...memorySettings(),
      SERVER_GRACEFUL_TIMEOUT: "300ms",
    });
    using connection = await HttpConnection.open(service.httpPort);
    await connection.sendHead(`PUT ${ENTRY}`, {
      ...RAW,
      "Content-Length": "10",
      "Expect": "100-continue",
    });
    assert.equal((await connection.answer()).status, 100);
    service.signal("SIGTERM");
    assert.equal(await exitCode(service), 0);
    const last = service.logLines().at(-1);
    assert.equal(last?.level, "error");
    assert.match(String(last?.message), /cut off/);
  },
});

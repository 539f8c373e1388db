// Requirement 9.6: logging stalls no request and takes no memory without bound, whoever reads the
// log; a drain and a crash lose no line that is read.
import assert from "node:assert/strict";
import { serverTest } from "../support/backends.ts";
import { residentBytes } from "../support/resident_bytes.ts";
import { waitFor } from "../support/wait_for.ts";
import { KeepAliveClient } from "./load.ts";
import { NamedPipe } from "./named_pipe.ts";
import { type LogLine, memorySettings, ServiceProcess } from "./service_process.ts";

const DEADLINE_MS = 60_000;
const CLIENTS = 16;
/** The longer the lines, the sooner the buffer is full. */
const LONG_ENTRY = `/api/v1/cache/${"n".repeat(64)}/k`;
const LONG_ID = { "X-Correlation-ID": '"'.repeat(128) };
const FLOOD_MS = 3_000;
const MAX_P99_MS = 500;
const MAX_GROWTH_BYTES = 100 * 1024 * 1024;

interface Flood {
  readonly latenciesMs: number[];
  readonly statuses: Set<number>;
}

/** Asks by many clients at once, until `isOver`. */
async function flood(service: ServiceProcess, isOver: () => boolean): Promise<Flood> {
  const latenciesMs: number[] = [];
  const statuses = new Set<number>();
  await Promise.all(Array.from({ length: CLIENTS }, async () => {
    using client = new KeepAliveClient(service.httpPort);
    while (!isOver()) {
      const startedAtMs = performance.now();
      const { status } = await client.send("GET", LONG_ENTRY, { headers: LONG_ID });
      latenciesMs.push(performance.now() - startedAtMs);
      statuses.add(status);
    }
  }));
  return { latenciesMs, statuses };
}

function after(ms: number): () => boolean {
  const endsAtMs = performance.now() + ms;
  return () => performance.now() >= endsAtMs;
}

async function droppedBy(service: ServiceProcess): Promise<number> {
  const metrics = await (await fetch(`${service.origin}/metrics`)).text();
  return Number(/^cache_log_dropped_total (\d+)$/m.exec(metrics)?.[1]);
}

function linesOf(text: string): LogLine[] {
  assert(text.endsWith("\n"), "the last line is whole");
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

function requestsIn(lines: readonly LogLine[]): LogLine[] {
  return lines.filter(({ operation }) => operation !== undefined);
}

serverTest({
  name: "a log that nobody reads stalls no request; its lines are whole or dropped and counted",
  needs: ["mkfifo"],
  async fn(): Promise<void> {
    using pipe = new NamedPipe();
    await using service = await ServiceProcess.start(memorySettings(), { stdout: pipe.path });
    let dropped = 0;
    let isFull = false;
    const [first] = await Promise.all([
      flood(service, () => isFull),
      waitFor(async () => (dropped = await droppedBy(service)) > 0, {
        deadlineMs: DEADLINE_MS,
        what: "lines to be dropped",
        intervalMs: 200,
      }).finally(() => isFull = true),
    ]);
    const fullBytes = residentBytes(service.pid);
    const second = await flood(service, after(FLOOD_MS));
    const grownBytes = residentBytes(service.pid) - fullBytes;
    assert(grownBytes < MAX_GROWTH_BYTES, `grew by ${grownBytes} bytes while its log was full`);
    for (const { latenciesMs, statuses } of [first, second]) {
      assert.deepEqual([...statuses], [404]);
      const p99Ms = latenciesMs.sort((a, b) => a - b)[Math.floor(latenciesMs.length * 0.99)] ?? 0;
      assert(p99Ms < MAX_P99_MS, `the 99th percentile took ${p99Ms} ms`);
    }

    const text = pipe.readOn();
    // The end has a second to write what waits, which a busy reader may not take in that time.
    await waitFor(() => pipe.quietMs > 500, { deadlineMs: DEADLINE_MS, what: "all to be read" });
    dropped = await droppedBy(service);
    service.signal("SIGTERM");
    assert.equal((await service.ended).code, 0);
    const lines = linesOf(await text);
    const asked = first.latenciesMs.length + second.latenciesMs.length;
    assert.equal(requestsIn(lines).length + dropped, asked);
    assert.equal(lines.at(-1)?.message, "stopped");
  },
});

serverTest({
  name: "a drain loses no line",
  needs: [],
  async fn(): Promise<void> {
    await using service = await ServiceProcess.start(memorySettings());
    const { latenciesMs } = await flood(service, after(500));
    service.signal("SIGTERM");
    assert.equal((await service.ended).code, 0);
    const lines = service.logLines();
    assert.equal(requestsIn(lines).length, latenciesMs.length);
    assert.equal(lines.at(-1)?.message, "stopped");
  },
});

serverTest({
  name: "SIGUSR2 changes the log level to debug and back",
  needs: [],
  async fn(): Promise<void> {
    await using service = await ServiceProcess.start({ ...memorySettings(), LOG_LEVEL: "warn" });
    using client = new KeepAliveClient(service.httpPort);
    const changes = (): LogLine[] =>
      service.logLines().filter(({ message }) => message === "the log level changed");
    for (const count of [1, 2]) {
      await client.send("GET", LONG_ENTRY);
      service.signal("SIGUSR2");
      await waitFor(() => changes().length === count, {
        deadlineMs: DEADLINE_MS,
        what: "the level to change",
      });
    }
    await client.send("GET", LONG_ENTRY);
    service.signal("SIGTERM");
    assert.equal((await service.ended).code, 0);
    assert.equal(requestsIn(service.logLines()).length, 1);
    assert.deepEqual(changes().map(({ from, to }) => [from, to]), [
      ["warn", "debug"],
      ["debug", "warn"],
    ]);
  },
});

for (const reader of ["reads", "does not read"] as const) {
  // There is no way to make a binary fail.
  if (Deno.env.has("CACHE_SERVICE_BINARY")) break;
  serverTest({
    name: `an error that nobody handles is logged and ends the process; the reader ${reader}`,
    needs: [],
    async fn(): Promise<void> {
      using pipe = new NamedPipe();
      const preload = new URL("./fail_on_signal.ts", import.meta.url).pathname;
      await using service = await ServiceProcess.start(memorySettings(), {
        stdout: pipe.path,
        preload,
      });
      // From before the flood on: what it left could be more than is written in the second of closing.
      const text = reader === "reads" ? pipe.readOn() : undefined;
      await flood(service, after(1000));
      const askedAtMs = performance.now();
      service.signal("SIGWINCH");
      assert.equal((await service.ended).code, 1);
      assert(performance.now() - askedAtMs < 5_000, "the process ended soon");
      if (text === undefined) return;
      const last = linesOf(await text).at(-1);
      assert.equal(last?.level, "error");
      assert.equal(last?.message, "ended by an error that nobody handled");
      assert.match(JSON.stringify(last?.error), /provoked.*stack.*fail_on_signal\.ts/);
    },
  });
}

// Property 14, requirement 6.6: every operation's log line has its correlation id, over both APIs, however
// many are under way at one time.
import assert from "node:assert/strict";
import fc from "fast-check";
import { systemClock } from "../../src/system.ts";
import { LogBuffer } from "../../src/telemetry/log_buffer.ts";
import { RequestLog } from "../../src/telemetry/request_log.ts";
import { startTestApp, type TestApp } from "../harness/apps.ts";
import { Refusal } from "../support/cache_driver.ts";
import { propertyOptions } from "../support/seeded_random.ts";
import { waitFor } from "../support/wait_for.ts";

const KEY = "a-key-that-no-line-may-hold";
const OPERATIONS = ["get", "set", "delete", "batch_get", "batch_set"] as const;
type Operation = typeof OPERATIONS[number];

const VALUE = Uint8Array.of(1).toBase64();
const REST: Readonly<Record<Operation, readonly [path: string, init: RequestInit]>> = {
  get: [KEY, {}],
  set: [KEY, { method: "PUT", body: `{"value":"${VALUE}"}` }],
  delete: [KEY, { method: "DELETE" }],
  batch_get: ["batch/get", { method: "POST", body: `{"keys":["${KEY}"]}` }],
  batch_set: ["batch/set", { method: "POST", body: `{"entries":{"${KEY}":"${VALUE}"}}` }],
};
const GRPC: Readonly<Record<Operation, readonly [method: string, request: object]>> = {
  get: ["Get", { key: KEY }],
  set: ["Set", { key: KEY, value: Uint8Array.of(1) }],
  delete: ["Delete", { key: KEY }],
  batch_get: ["BatchGet", { keys: [KEY] }],
  batch_set: ["BatchSet", { entries: { [KEY]: Uint8Array.of(1) } }],
};

/** Makes a call with that id; a refusal is an answer too. */
async function make(
  { origin, grpc }: TestApp,
  call: {
    readonly operation: Operation;
    readonly byGrpc: boolean;
    readonly namespace: string;
    readonly id: string;
  },
): Promise<void> {
  if (call.byGrpc) {
    const [method, request] = GRPC[call.operation];
    const metadata = { "x-correlation-id": call.id };
    await grpc.call(method, { namespace: call.namespace, ...request }, { metadata })
      .catch((error) => assert(error instanceof Refusal, String(error)));
    return;
  }
  const [path, init] = REST[call.operation];
  const response = await fetch(`${origin}/api/v1/cache/${call.namespace}/${path}`, {
    ...init,
    headers: { "content-type": "application/json", "x-correlation-id": call.id },
  });
  await response.body?.cancel();
  assert.equal(response.headers.get("x-correlation-id"), call.id);
}

Deno.test("every operation has one line, with its correlation id and without its key", async () => {
  const lines: Record<string, unknown>[] = [];
  let text = "";
  const stream = new WritableStream<Uint8Array>({
    write(chunk): void {
      const written = new TextDecoder().decode(chunk);
      text += written;
      lines.push(...written.trimEnd().split("\n").map((line) => JSON.parse(line)));
    },
  });
  const buffer = new LogBuffer({ stream, clock: systemClock });
  const requestLog = new RequestLog({ buffer, clock: systemClock, hashKeys: false });
  await using app = await startTestApp({}, { requestLog });
  const ids = fc.stringMatching(/^[!-~]{1,20}$/);
  const calls = fc.uniqueArray(
    fc.record({
      operation: fc.constantFrom(...OPERATIONS),
      byGrpc: fc.boolean(),
      namespace: fc.constantFrom("n", "m", "-not-one"),
      id: ids,
    }),
    { minLength: 1, maxLength: 12, selector: ({ id }) => id },
  );
  await fc.assert(
    fc.asyncProperty(calls, async (some) => {
      lines.length = 0;
      await Promise.all(some.map((call) => make(app, call)));
      await waitFor(() => lines.length >= some.length, { deadlineMs: 5000, what: "the lines" });
      assert.equal(lines.length, some.length);
      for (const { id, operation, namespace } of some) {
        const [line, ...more] = lines.filter((each) => each.correlation_id === id);
        assert.equal(more.length, 0);
        assert.equal(line?.operation, operation);
        if (namespace === "-not-one") assert.equal(line?.outcome, "invalid_namespace");
        else assert.equal(line?.namespace, namespace);
      }
    }),
    propertyOptions(),
  );
  assert.equal(text.includes(KEY), false);
  await buffer.close();
});

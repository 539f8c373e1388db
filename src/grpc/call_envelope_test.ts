import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import grpc from "@grpc/grpc-js";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { MemoryBudget } from "../core/memory_budget.ts";
import { TimeoutQueue } from "../core/timeout_queue.ts";
import { callEnvelope } from "./call_envelope.ts";
import { CONNECTION_LIMITS, Connections } from "./connections.ts";
import { ERROR_CODE_KEY } from "./error_map.ts";

type Listener = Parameters<grpc.ServerInterceptingCallInterface["start"]>[0];

const TIMEOUT_MS = 1_000;

/** A call below an envelope, as the library would have it, and what became of it. */
class FakeCall {
  readonly stream = Object.assign(new PassThrough(), { close: () => void this.resets++ });
  readonly metadata = new grpc.Metadata();
  readonly codes: unknown[] = [];
  listener: Listener | undefined;
  halfCloses = 0;
  resets = 0;

  start(listener: Listener): void {
    this.listener = listener;
    listener.onReceiveMetadata(this.metadata);
  }

  sendStatus(status: { readonly metadata?: grpc.Metadata | null }): void {
    this.codes.push(status.metadata?.get(ERROR_CODE_KEY)[0]);
  }

  sendMetadata(): void {}

  getDeadline(): number {
    return Infinity;
  }
}

function begin(): {
  readonly clock: FakeClock;
  readonly budget: MemoryBudget;
  readonly below: FakeCall;
  readonly call: grpc.ServerInterceptingCallInterface;
} {
  const clock = new FakeClock();
  const budget = new MemoryBudget(1_000);
  const below = new FakeCall();
  const timeouts = new TimeoutQueue({ clock, timeoutMs: TIMEOUT_MS });
  const interceptor = callEnvelope({
    newCorrelationId: () => "id",
    maxRequestBytes: 100,
    clock,
    arrivals: { budget, timeouts },
    departures: { budget, timeouts, connections: new Connections(CONNECTION_LIMITS, { clock }) },
    meter: { rpc: () => {} },
  });
  const method = { path: "/s/M" } as unknown as Parameters<typeof interceptor>[0];
  const call = interceptor(
    method,
    below as unknown as grpc.ServerInterceptingCallInterface,
  );
  call.start({
    onReceiveMetadata: () => {},
    onReceiveMessage: () => {},
    onReceiveHalfClose: () => void below.halfCloses++,
    onCancel: () => {},
  });
  return { clock, budget, below, call };
}

Deno.test("a request that comes too late is refused once, reset, and never handled", async () => {
  const { clock, budget, below } = begin();
  below.stream.emit("data", new Uint8Array(400));
  await clock.advance(TIMEOUT_MS - 1);
  assert.deepEqual([below.codes, budget.usedBytes], [[], 400]);
  await clock.advance(1);
  assert.deepEqual([below.codes, below.resets], [["deadline_exceeded"], 1]);
  // The client's end was on its way when the time had passed.
  below.stream.emit("data", new Uint8Array(400));
  below.listener?.onReceiveHalfClose();
  await clock.advance(TIMEOUT_MS);
  assert.deepEqual([below.codes.length, below.halfCloses, budget.usedBytes], [1, 0, 0]);
});

Deno.test("a whole request holds nothing, has the rest of the time, and is not reset", async () => {
  const { clock, budget, below, call } = begin();
  below.stream.emit("data", new Uint8Array(400));
  await clock.advance(300);
  below.listener?.onReceiveHalfClose();
  assert.deepEqual([below.halfCloses, budget.usedBytes], [1, 0]);
  assert.equal(Number(call.getDeadline()) - clock.wallMs(), TIMEOUT_MS - 300);
  await clock.advance(TIMEOUT_MS);
  call.sendStatus({ code: 0, details: "" });
  assert.deepEqual([below.codes, below.resets], [[undefined], 0]);
});

Deno.test("a request whose connection is lost gives back what it held", async () => {
  const { clock, budget, below } = begin();
  below.stream.emit("data", new Uint8Array(400));
  below.listener?.onCancel();
  assert.equal(budget.usedBytes, 0);
  await clock.advance(TIMEOUT_MS);
  assert.deepEqual(below.codes, []);
});

Deno.test("a request beyond the memory budget is refused, and its decoded size counts", () => {
  const { budget, below } = begin();
  below.stream.emit("data", new Uint8Array(400));
  below.listener?.onReceiveMessage({ message: {}, bytes: 390 });
  assert.equal(budget.usedBytes, 400);
  below.listener?.onReceiveMessage({ message: {}, bytes: 1_001 });
  assert.deepEqual([below.codes, below.resets], [["overloaded"], 1]);
  assert.equal(budget.usedBytes, 0);
});

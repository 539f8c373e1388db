import assert from "node:assert/strict";
import { OperationRecord } from "../../src/core/operation_record.ts";
import type { Span } from "../../src/core/span.ts";
import type { Arrival } from "../../src/core/telemetry.ts";
import { OtelTracer } from "../../src/telemetry/otel_tracer.ts";
import type { OtelVariables } from "../../src/telemetry/otel_variables.ts";
import { RecordingLogger } from "../harness/recording_logger.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { freePort } from "../support/free_port.ts";
import { OtlpReceiver } from "../support/otlp_receiver.ts";
import { waitFor } from "../support/wait_for.ts";
import { systemClock } from "../../src/system.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const CALLER_ID = "b7ad6b7169203331";

interface CallerContext {
  readonly traceparent?: string;
  readonly tracestate?: string;
}

function arrival(
  { api = "rest", method = "GET", ...context }: CallerContext & {
    readonly api?: Arrival["api"];
    readonly method?: string;
  } = {},
): Arrival {
  const headers = new Map(Object.entries(context));
  const shared = { correlationId: "id", atMs: systemClock.monotonicMs(), headers };
  return api === "grpc" ? { api, ...shared } : { api, method, ...shared };
}

/** What a caller sends along; `sampled` says what it decided. */
function from(sampled: boolean): CallerContext {
  return { traceparent: `00-${TRACE_ID}-${CALLER_ID}-0${sampled ? 1 : 0}` };
}

function open(
  endpoint: string,
  { variables = {}, logger = new RecordingLogger(), clock = systemClock }: {
    readonly variables?: OtelVariables;
    readonly logger?: RecordingLogger;
    readonly clock?: typeof systemClock;
  } = {},
): OtelTracer {
  return OtelTracer.open({ endpoint, version: "1.2.3", variables, clock, logger });
}

function record(span: Span | undefined): OperationRecord {
  return new OperationRecord("get", { correlationId: "id", startedAtMs: 0, span });
}

/** Begins and ends the span of one call. */
function call(
  tracer: OtelTracer,
  more: CallerContext & { readonly api?: Arrival["api"] } = {},
): Span | undefined {
  const span = tracer.begin("get", arrival(more));
  if (span !== undefined) tracer.end(span, record(span), 200);
  return span;
}

Deno.test("a call's span and its parts come to the collector under the caller's trace", async () => {
  await using receiver = OtlpReceiver.start();
  const tracer = open(`${receiver.endpoint}/`);
  const span = tracer.begin(
    "set",
    arrival({ ...from(true), tracestate: "a=1,b=2", method: "PUT" }),
  );
  assert(span !== undefined);
  const store = span.child("store.write", { "db.system.name": "redis" });
  store.fail("redis_unavailable");
  store.end();
  span.child("crypto.seal").end();
  const made = record(span);
  Object.assign(made, { namespace: "n", key: "secret-key", outcome: "internal", source: "redis" });
  tracer.end(span, made, 500);
  await tracer.close();

  assert.deepEqual(receiver.faults, []);
  const [write, seal, server] = receiver.spans;
  assert(write !== undefined && seal !== undefined && server !== undefined);
  assert.deepEqual([server.traceId, server.parentSpanId], [TRACE_ID, CALLER_ID]);
  assert.deepEqual([server.spanId, server.traceId], [span.spanId, span.traceId]);
  assert.equal(server.traceState, "a=1,b=2");
  assert.equal(server.name, "PUT /api/v1/cache/{namespace}/{key}");
  assert.deepEqual([server.kind, server.status], ["server", "error"]);
  assert.deepEqual(server.attributes, {
    "cache.operation": "set",
    "http.request.method": "PUT",
    "http.route": "/api/v1/cache/{namespace}/{key}",
    "cache.namespace": "n",
    "cache.outcome": "internal",
    "cache.source": "redis",
    "cache.degraded": false,
    "http.response.status_code": 500,
    "error.type": "internal",
  });
  for (const part of [write, seal]) {
    assert.deepEqual([part.traceId, part.parentSpanId], [TRACE_ID, server.spanId]);
    assert(part.startNs >= server.startNs && part.endNs <= server.endNs);
  }
  assert.deepEqual([write.name, write.kind, write.status], ["store.write", "client", "error"]);
  assert.equal(write.attributes["error.type"], "redis_unavailable");
  assert.deepEqual([seal.name, seal.kind, seal.status], ["crypto.seal", "internal", "unset"]);
  assert.equal(receiver.bodies.join().includes("secret-key"), false);
});

Deno.test("the times of a short call's spans fit into each other", async () => {
  await using receiver = OtlpReceiver.start();
  const clock = new FakeClock({ wallMs: 1_700_000_000_000 });
  const tracer = open(receiver.endpoint, { clock });
  const span = tracer.begin("get", arrival());
  assert(span !== undefined);
  await clock.advance(0.25);
  const part = span.child("store.get");
  await clock.advance(0.5);
  // Spans do not follow a wall clock that jumps.
  clock.jumpWall(5000);
  part.end();
  tracer.end(span, record(span), 200);
  await tracer.close();
  const startNs = 1_700_000_000_000_000_000n;
  const times = receiver.spans.map(({ startNs: from, endNs }) =>
    [from, endNs].map((ns) => Number(ns - startNs) / 1e6)
  );
  assert.deepEqual(times, [[0.25, 0.75], [0, 0.75]]);
});

Deno.test("a gRPC call's span follows the conventions for gRPC", async () => {
  await using receiver = OtlpReceiver.start();
  const tracer = open(receiver.endpoint);
  for (const status of ["OK", "INVALID_ARGUMENT", "UNAVAILABLE"]) {
    const span = tracer.begin("batch_get", arrival({ api: "grpc" }));
    assert(span !== undefined);
    tracer.end(span, record(span), status);
  }
  await tracer.close();
  assert.deepEqual(
    receiver.spans.map(({ name, status, attributes }) => ({ name, status, attributes })),
    [["unset", 0], ["unset", 3], ["error", 14]].map(([status, code]) => ({
      name: "cache.v1.CacheService/BatchGet",
      status,
      attributes: {
        "cache.operation": "batch_get",
        "rpc.system": "grpc",
        "rpc.service": "cache.v1.CacheService",
        "rpc.method": "BatchGet",
        "cache.outcome": "ok",
        "cache.degraded": false,
        "rpc.grpc.status_code": code,
        ...(status === "error" ? { "error.type": "ok" } : {}),
      },
    })),
  );
});

Deno.test("what is no traceparent begins a new trace", async () => {
  await using receiver = OtlpReceiver.start();
  const tracer = open(receiver.endpoint);
  const bad = [
    "",
    "x",
    `00-${TRACE_ID}-${CALLER_ID}`,
    `00-${TRACE_ID}-${CALLER_ID}-01-more`,
    `00-${TRACE_ID.toUpperCase()}-${CALLER_ID}-01`,
    `00-${"0".repeat(32)}-${CALLER_ID}-01`,
    `00-${TRACE_ID}-${"0".repeat(16)}-01`,
    `ff-${TRACE_ID}-${CALLER_ID}-01`,
    `00-${TRACE_ID}-${CALLER_ID}-01, 00-${TRACE_ID}-${CALLER_ID}-01`,
  ];
  for (const traceparent of bad) call(tracer, { traceparent });
  // A later version may have more members.
  call(tracer, { traceparent: `01-${TRACE_ID}-${CALLER_ID}-01-more` });
  await tracer.close();
  const parents = receiver.spans.map(({ traceId, parentSpanId }) =>
    traceId === TRACE_ID || parentSpanId !== undefined
  );
  assert.deepEqual(parents, [...bad.map(() => false), true]);
  assert.equal(new Set(receiver.spans.map(({ traceId }) => traceId)).size, bad.length + 1);
});

for (
  const [sampler, argument, expected] of [
    [undefined, undefined, { root: true, sampled: true, unsampled: false }],
    ["parentbased_always_on", undefined, { root: true, sampled: true, unsampled: false }],
    ["parentbased_always_off", undefined, { root: false, sampled: true, unsampled: false }],
    ["always_on", undefined, { root: true, sampled: true, unsampled: true }],
    ["always_off", undefined, { root: false, sampled: false, unsampled: false }],
    ["traceidratio", "0", { root: false, sampled: false, unsampled: false }],
    ["traceidratio", "1", { root: true, sampled: true, unsampled: true }],
    ["parentbased_traceidratio", "0", { root: false, sampled: true, unsampled: false }],
    ["no_such", "0", { root: true, sampled: true, unsampled: false }],
    ["parentbased_traceidratio", "2", { root: true, sampled: true, unsampled: false }],
  ] as const
) {
  Deno.test(`OTEL_TRACES_SAMPLER=${sampler} with ${argument} decides which calls are traced`, async () => {
    await using receiver = OtlpReceiver.start();
    const variables = { OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: argument };
    const tracer = open(receiver.endpoint, { variables });
    const root = call(tracer);
    const sampled = call(tracer, from(true));
    const unsampled = call(tracer, from(false));
    await tracer.close();
    // A trace that the caller does not record still reaches the log line by its ids.
    assert.equal(root === undefined, !expected.root);
    assert.deepEqual([sampled?.traceId, unsampled?.traceId], [TRACE_ID, TRACE_ID]);
    assert.equal(unsampled?.spanId === CALLER_ID, !expected.unsampled);
    assert.equal(unsampled?.child("part") === unsampled, !expected.unsampled);
    const count = Object.values(expected).filter(Boolean).length;
    assert.equal(receiver.spans.length, count);
  });
}

Deno.test("traceidratio takes about its share of the traces", async () => {
  await using receiver = OtlpReceiver.start();
  const variables = { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.25" };
  const tracer = open(receiver.endpoint, { variables });
  const taken = Array.from({ length: 2000 }, () => call(tracer)).filter((span) => span).length;
  await tracer.close();
  assert(taken > 300 && taken < 700, `${taken} of 2000`);
  assert.equal(receiver.spans.length, taken);
});

Deno.test("a collector that is absent is warned of once a minute, and costs calls nothing", async () => {
  const logger = new RecordingLogger();
  const clock = new FakeClock();
  const tracer = open(`http://127.0.0.1:${freePort()}`, { logger, clock });
  for (let i = 0; i < 5000; i++) call(tracer);
  await waitFor(() => logger.faults.length > 0, { deadlineMs: 10_000, what: "a warning" });
  for (let i = 0; i < 1000; i++) call(tracer);
  await tracer.close();
  const lost = logger.faults.filter((line) => line.includes("did not take them"));
  assert.equal(lost.length, 1, logger.faults.join("\n"));
  assert.match(lost[0] ?? "", /"spans":512,"reason":".*ECONNREFUSED/);
});

Deno.test("a collector that never answers holds up no more than the queue, and no close", async () => {
  await using receiver = OtlpReceiver.start();
  receiver.hang();
  const logger = new RecordingLogger();
  const tracer = open(receiver.endpoint, { logger });
  for (let i = 0; i < 20_000; i++) call(tracer);
  const startedMs = performance.now();
  await tracer.close();
  assert(performance.now() - startedMs < 2500);
  const sent = receiver.bodies.join().split('"spanId"').length - 1;
  assert(sent >= 2048 && sent <= 2048 + 512, `${sent} spans were kept`);
  assert.equal(logger.faults.length, 1, logger.faults.join("\n"));
});

Deno.test("the spans that were dropped are told of when there is room again", async () => {
  await using receiver = OtlpReceiver.start();
  const logger = new RecordingLogger();
  const tracer = open(receiver.endpoint, { logger });
  for (let i = 0; i < 5000; i++) call(tracer);
  await waitFor(() => receiver.spans.length >= 2048, { deadlineMs: 10_000, what: "exports" });
  call(tracer);
  await tracer.close();
  assert.match(logger.faults.join(), /Dropped \d+ spans because maxQueueSize reached/);
});

Deno.test("spans say which service they are of", async () => {
  await using receiver = OtlpReceiver.start();
  const named = open(receiver.endpoint, {
    variables: {
      OTEL_SERVICE_NAME: "orders-cache",
      OTEL_RESOURCE_ATTRIBUTES: "service.name=other,team=a%2Cb, deployment.environment.name = test",
    },
  });
  call(named);
  await named.close();
  const plain = open(receiver.endpoint);
  call(plain);
  await plain.close();
  const [first, second] = receiver.spans.map(({ resource }) => resource);
  assert.equal(first?.["service.name"], "orders-cache");
  assert.equal(first?.team, "a,b");
  assert.equal(first?.["deployment.environment.name"], "test");
  assert.equal(second?.["service.name"], "cache-service");
  assert.equal(second?.["service.version"], "1.2.3");
});

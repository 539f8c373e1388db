import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import type { Verifier } from "../auth/verifier.ts";
import type { CacheService } from "../cache/cache_service.ts";
import type { Call } from "../cache/call.ts";
import { Concurrency } from "../core/concurrency.ts";
import { CacheError } from "../core/errors.ts";
import { MemoryBudget } from "../core/memory_budget.ts";
import { OperationRecord } from "../core/operation_record.ts";
import type { Operation, Principal } from "../core/principal.ts";
import type { Arrival, LogFields, OperationAnswer } from "../core/telemetry.ts";
import { type CallInfo, createHandlers, type Handlers } from "./service.ts";

const PRINCIPAL: Principal = { subject: "s", namespaces: new Set(["*"]), scopes: new Set() };
const GET = { namespace: "n", key: "k" };
const MISS = { found: false, degraded: true };

interface Rig {
  readonly handlers: Handlers;
  readonly clock: FakeClock;
  readonly concurrency: Concurrency;
  readonly budget: MemoryBudget;
  readonly logged: LogFields[];
  /** The statuses observed. */
  readonly codes: string[];
}

/** Handlers over a service that has only `methods`. */
function rig(methods: object, verifier: Verifier = { verify: () => PRINCIPAL }): Rig {
  const clock = new FakeClock({ monotonicMs: 5_000 });
  const budget = new MemoryBudget(1_000);
  const concurrency = new Concurrency(2);
  const logged: LogFields[] = [];
  const ignore = (): void => {};
  const logger = {
    debug: ignore,
    info: ignore,
    warn: ignore,
    error: (_: string, fields: LogFields = {}): void => void logged.push(fields),
  };
  const codes: string[] = [];
  const observer = {
    begin: (operation: Operation, { correlationId }: Arrival) =>
      new OperationRecord(operation, { correlationId, startedAtMs: 0 }),
    end: (_: OperationRecord, { status }: OperationAnswer): void => void codes.push(`${status}`),
  };
  const handlers = createHandlers({
    service: methods as CacheService,
    verifier,
    clock,
    requestTimeoutMs: 10_000,
    concurrency,
    observer,
    budget,
    logger,
  });
  return { handlers, clock, concurrency, budget, logged, codes };
}

function info(given: Partial<CallInfo> = {}): CallInfo {
  return {
    metadata: () => undefined,
    correlationId: "c-1",
    timeoutMs: Infinity,
    signal: new AbortController().signal,
    requestBytes: 10,
    ...given,
  };
}

Deno.test("the deadline is the earlier of the caller's and the service's", async () => {
  const deadlines: number[] = [];
  const { handlers } = rig({
    get: (_: unknown, call: Call) => {
      deadlines.push(call.deadlineMs);
      return Promise.resolve(MISS);
    },
  });
  for (const timeoutMs of [Infinity, 60_000, 250, -1]) {
    await handlers.Get(GET, info({ timeoutMs }));
  }
  assert.deepEqual(deadlines, [15_000, 15_000, 5_250, 4_999]);
});

Deno.test("the caller's token, signal and request reach the service", async () => {
  const { signal } = new AbortController();
  const seen: unknown[] = [];
  const { handlers } = rig({
    get: (request: unknown, call: Call) => {
      seen.push(request, call.principal, call.signal);
      return Promise.resolve(MISS);
    },
  }, {
    verify: (authorization) => {
      seen.push(authorization);
      return Promise.resolve(PRINCIPAL);
    },
  });
  const metadata = (name: string): string => `${name} of the call`;
  const response = await handlers.Get(GET, info({ metadata, signal }));
  assert.deepEqual(seen, ["authorization of the call", GET, PRINCIPAL, signal]);
  assert.equal(response.found, false);
  assert.equal(response.degraded, true);
});

Deno.test("a refused token never reaches the service, and health needs none", async () => {
  const { handlers } = rig({ health: () => ({ healthy: true }) }, {
    verify: () => {
      throw new CacheError("unauthorized", "No token.");
    },
  });
  for (const method of ["Get", "Set", "Delete", "BatchGet", "BatchSet"] as const) {
    const handler = handlers[method] as Handlers["Get"];
    await assert.rejects(handler(GET, info()), { code: "unauthorized" }, method);
  }
  assert.deepEqual(await handlers.Health({}, info()), { healthy: true });
});

Deno.test("the bytes of a request are held until it is answered, also by an error", async () => {
  const { promise, reject } = Promise.withResolvers<never>();
  const { handlers, budget } = rig({ get: () => promise });
  const first = handlers.Get(GET, info({ requestBytes: 600 }));
  assert.equal(budget.usedBytes, 600);
  await assert.rejects(handlers.Get(GET, info({ requestBytes: 401 })), {
    code: "overloaded",
    message: "The service holds as many bytes of calls as it may.",
    retryAfterSeconds: 1,
  });
  reject(new CacheError("invalid_key", "The key is empty."));
  await assert.rejects(first, { code: "invalid_key" });
  assert.equal(budget.usedBytes, 0);
});

Deno.test("a call has its place from when its token is known until it is answered", async () => {
  const answers: ((error: CacheError) => void)[] = [];
  const failure = new CacheError("invalid_key", "The key is empty.");
  const get = (): Promise<never> => new Promise((_, reject) => answers.push(reject));
  const { handlers, concurrency } = rig({ get });
  const calls = [handlers.Get(GET, info()), handlers.Get(GET, info())];
  await assert.rejects(handlers.Get(GET, info()), {
    code: "overloaded",
    message: "The service serves as many operations at once as it may.",
    retryAfterSeconds: 1,
  });
  assert.equal(concurrency.count, 2);
  for (const reject of answers) reject(failure);
  for (const call of calls) await assert.rejects(call, failure);
  await assert.rejects(handlers.Get(GET, info({ requestBytes: 1_001 })), { code: "overloaded" });
  assert.equal(concurrency.count, 0);
});

Deno.test("calls whose token waits for a key set take no place", async () => {
  const verdicts: ((principal: Principal) => void)[] = [];
  const { handlers, concurrency } = rig({ get: () => Promise.resolve(MISS) }, {
    verify: () => new Promise((resolve) => verdicts.push(resolve)),
  });
  const calls = Array.from({ length: 3 }, () => handlers.Get(GET, info()));
  assert.equal(concurrency.count, 0);
  for (const resolve of verdicts) resolve(PRINCIPAL);
  await Promise.allSettled(calls);
  assert.equal(concurrency.count, 0);
});

Deno.test("an unexpected failure is logged, and says nothing of itself to the caller", async () => {
  const cause = new TypeError("cannot read the-key");
  const { handlers, logged } = rig({ get: () => Promise.reject(cause) });
  await assert.rejects(handlers.Get(GET, info()), (error: CacheError) => {
    assert.equal(error.code, "internal");
    assert.doesNotMatch(error.message, /the-key/);
    return true;
  });
  const [fields] = logged;
  assert.equal(fields?.operation, "get");
  assert.equal(fields?.correlation_id, "c-1");
  assert.equal(fields?.cause, "TypeError");
  assert.doesNotMatch(JSON.stringify(logged), /the-key/);
});

Deno.test("a stored entry that cannot be read is logged", async () => {
  const error = new CacheError("entry_invalid", "The stored entry cannot be read.");
  const { handlers, logged, codes } = rig({ get: () => Promise.reject(error) });
  await assert.rejects(handlers.Get(GET, info()), { code: "entry_invalid" });
  assert.equal(logged[0]?.code, "entry_invalid");
  assert.deepEqual(codes, ["INTERNAL"]);
});

Deno.test("a caller's fault is not logged", async () => {
  const { handlers, logged } = rig({
    get: () => Promise.reject(new CacheError("invalid_key", "The key is empty.")),
  });
  await assert.rejects(handlers.Get(GET, info()), { code: "invalid_key" });
  assert.deepEqual(logged, []);
});

Deno.test("a caller who went away is counted as such, not as a fault", async () => {
  const caller = new AbortController();
  const late = new CacheError("deadline_exceeded", "The call's deadline passed.");
  const { handlers, codes } = rig({
    get: () => {
      caller.abort();
      return Promise.reject(late);
    },
  });
  await assert.rejects(handlers.Get(GET, info({ signal: caller.signal })), late);
  assert.deepEqual(codes, ["CANCELLED"]);
});

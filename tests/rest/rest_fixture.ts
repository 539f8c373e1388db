import { AnonymousVerifier } from "../../src/auth/anonymous_verifier.ts";
import { ScopePolicy } from "../../src/auth/policy.ts";
import type { Verifier } from "../../src/auth/verifier.ts";
import { MemoryBus } from "../../src/bus/memory_bus.ts";
import { CacheService } from "../../src/cache/cache_service.ts";
import type { Envelope } from "../../src/core/envelope.ts";
import { Concurrency } from "../../src/core/concurrency.ts";
import { Lifecycle } from "../../src/core/lifecycle.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/core/limits.ts";
import { MemoryBudget } from "../../src/core/memory_budget.ts";
import type { Store } from "../../src/core/store.ts";
import type { LogFields, Meter, Observer } from "../../src/core/telemetry.ts";
import { createRestApp, type RestApp } from "../../src/http/rest_app.ts";
import { MemoryStore } from "../../src/store/memory_store.ts";
import { withoutKeys } from "../harness/envelopes.ts";
import { silentLogger, silentMeter, silentObserver } from "../harness/silent.ts";
import { FakeClock } from "../support/fake_clock.ts";

export const REQUEST_TIMEOUT_MS = 10_000;
export const NEW_ID = "00000000-0000-4000-8000-000000000000";

export interface RestFixture {
  readonly app: RestApp;
  readonly service: CacheService;
  readonly clock: FakeClock;
  readonly lifecycle: Lifecycle;
  readonly concurrency: Concurrency;
  readonly budget: MemoryBudget;
  /** The error lines logged so far. */
  readonly errors: { readonly message: string; readonly fields: LogFields | undefined }[];
  /** Sends a request for a path, which goes as it is written. */
  send(path: string, init?: RequestInit): Promise<Response>;
  /** PUTs a value below namespace `ns`; `key` is a path segment. */
  put(key: string, value: string): Promise<void>;
}

/** The REST app over a real service on the embedded store, serving, with a clock that stands. */
export function restFixture(options: {
  readonly limits?: Partial<Limits>;
  readonly verifier?: Verifier;
  readonly budgetBytes?: number;
  readonly concurrency?: Concurrency;
  readonly observer?: Observer;
  readonly meter?: Meter;
  /** What differs from the embedded store. */
  readonly store?: Partial<Store>;
  readonly envelope?: Envelope;
} = {}): RestFixture {
  const clock = new FakeClock();
  const lifecycle = new Lifecycle();
  lifecycle.enter("serving");
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const memory = new MemoryStore({ clock, maxBytes: 1 << 26, tombstoneTtlMs: 600_000 });
  const store = Object.assign(memory, options.store);
  const service = new CacheService({
    store,
    envelope: options.envelope ?? withoutKeys,
    policy: new ScopePolicy(),
    limits,
    lifecycle,
    clock,
    bus: new MemoryBus(),
    logger: silentLogger,
    meter: silentMeter,
    writerId: 7,
  });
  const budget = new MemoryBudget(options.budgetBytes ?? 1 << 26);
  const concurrency = options.concurrency ?? new Concurrency(4096);
  const errors: RestFixture["errors"] = [];
  const ignore = (): void => {};
  const app = createRestApp({
    service,
    verifier: options.verifier ?? new AnonymousVerifier(),
    limits,
    lifecycle,
    clock,
    serves: "all",
    policy: new ScopePolicy(),
    control: { logLevel: "info", stats: () => Promise.resolve({ answer: 42 }) },
    concurrency,
    observer: options.observer ?? silentObserver,
    meter: options.meter ?? silentMeter,
    budget,
    logger: {
      debug: ignore,
      info: ignore,
      warn: ignore,
      error: (message, fields) => void errors.push({ message, fields }),
    },
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    version: "1.2.3",
    newCorrelationId: () => NEW_ID,
  });
  const send = async (path: string, init?: RequestInit): Promise<Response> => {
    const request = new Request("http://cache.test/", init);
    // `new Request` would fold dots, as a client does and the server does not.
    Object.defineProperty(request, "url", { value: `http://cache.test${path}` });
    const { body, ...rest } = await app.answer(request);
    return new Response(body, rest);
  };
  const put = async (key: string, value: string): Promise<void> => {
    const response = await send(`/api/v1/cache/ns/${key}`, {
      method: "PUT",
      headers: { "Content-Type": "application/octet-stream" },
      body: value,
    });
    await response.body?.cancel();
    if (response.status !== 200) throw new Error(`PUT was answered with ${response.status}`);
  };
  return { app, service, clock, lifecycle, concurrency, budget, errors, send, put };
}

/** A PUT or POST of JSON. */
export function jsonInit(method: "PUT" | "POST", body: unknown): RequestInit {
  return {
    method,
    headers: { "Content-Type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  };
}

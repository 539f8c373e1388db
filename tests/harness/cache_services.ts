import { AnonymousVerifier } from "../../src/auth/anonymous_verifier.ts";
import { ScopePolicy } from "../../src/auth/policy.ts";
import { MemoryBus } from "../../src/bus/memory_bus.ts";
import { CacheService, type CacheServiceParts } from "../../src/cache/cache_service.ts";
import type { Call } from "../../src/cache/call.ts";
import type { Clock } from "../../src/core/clock.ts";
import { Lifecycle } from "../../src/core/lifecycle.ts";
import { DEFAULT_LIMITS } from "../../src/core/limits.ts";
import type { Store } from "../../src/core/store.ts";
import { MemoryStore } from "../../src/store/memory_store.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { withoutKeys } from "./envelopes.ts";
import { silentLogger, silentMeter, silentRecord } from "./silent.ts";

/** A cache service over `store`, built as the application builds it. */
export function createService(
  store: Store,
  parts: Partial<CacheServiceParts> & { readonly clock: Clock },
): CacheService {
  return new CacheService({
    store,
    envelope: withoutKeys,
    policy: new ScopePolicy(),
    limits: DEFAULT_LIMITS,
    lifecycle: new Lifecycle(),
    bus: new MemoryBus(),
    logger: silentLogger,
    meter: silentMeter,
    writerId: 7,
    ...parts,
  });
}

/** A service over a memory store, and the clock that both run on. */
export function createMemoryService(
  parts: Partial<CacheServiceParts> = {},
): { service: CacheService; clock: FakeClock; store: MemoryStore } {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock, maxBytes: 256 * 1024 * 1024, tombstoneTtlMs: 600_000 });
  return { service: createService(store, { clock, ...parts }), clock, store };
}

const principal = new AnonymousVerifier().verify();

/** A call of a caller who may do everything, with `leftMs` to wait. */
export function callWithin(clock: Clock, leftMs = 10_000): Call {
  return { principal, record: silentRecord(), deadlineMs: clock.monotonicMs() + leftMs };
}

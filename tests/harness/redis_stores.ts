import type { ChangeListener } from "../../src/core/coherence.ts";
import type { Clock } from "../../src/core/clock.ts";
import type { Logger } from "../../src/core/telemetry.ts";
import { RedisStore } from "../../src/store/redis_store.ts";
import { systemClock, systemRandom } from "../../src/system.ts";
import { silentLogger } from "./silent.ts";

export interface TestStoreOptions {
  /** `host:port`; several for a Cluster. */
  readonly addresses: readonly string[];
  readonly clusterMode?: boolean;
  readonly poolSize?: number;
  readonly dialTimeoutMs?: number;
  readonly keyPrefix?: string;
  readonly tombstoneTtlMs?: number;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: { readonly ca?: string };
  readonly timeoutMs?: number;
  readonly logger?: Logger;
  readonly listener?: ChangeListener;
  /** The system's by default. */
  readonly clock?: Clock;
}

/** A Redis store that is not waited for. */
export function openRedisStore(options: TestStoreOptions): RedisStore {
  const { addresses, timeoutMs = 3000, listener, ...others } = options;
  const { logger = silentLogger, clock = systemClock, ...rest } = others;
  return new RedisStore({
    clusterMode: false,
    poolSize: 3,
    db: 0,
    dialTimeoutMs: 5000,
    keyPrefix: "cache:",
    readTimeoutMs: timeoutMs,
    writeTimeoutMs: timeoutMs,
    tombstoneTtlMs: 600_000,
    breaker: {
      failureThreshold: 5,
      openTimeoutMs: 30_000,
      halfOpenRequests: 3,
      successThreshold: 2,
    },
    ...rest,
    addresses: addresses.map((address) => {
      const colon = address.lastIndexOf(":");
      return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
    }),
  }, {
    clock,
    random: systemRandom,
    logger,
    ...(listener === undefined ? {} : { listener }),
  });
}

/** A Redis store whose connections all serve; closed by `await using`. */
export async function connectRedisStore(
  options: TestStoreOptions,
): Promise<{ store: RedisStore } & AsyncDisposable> {
  const store = openRedisStore(options);
  await store.connected;
  return { store, [Symbol.asyncDispose]: () => store.close() };
}

import type { ChangeListener } from "../../src/core/coherence.ts";
import type {
  ConnectionStatus,
  ReadResult,
  Store,
  StoreRead,
  StoreTime,
  StoreWrite,
  WriteOutcome,
} from "../../src/core/store.ts";
import type { Logger } from "../../src/core/telemetry.ts";
import { RedisStore } from "../../src/store/redis_store.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { SimClient, type SimClientParts } from "./sim_client.ts";

export const KEY_PREFIX = "c:";

const BREAKER = {
  failureThreshold: 5,
  openTimeoutMs: 30_000,
  halfOpenRequests: 3,
  successThreshold: 2,
};

export interface SimStoreOptions extends SimClientParts {
  readonly poolSize: number;
  readonly timeoutMs: number;
  readonly tombstoneTtlMs: number;
  readonly listener: ChangeListener;
  readonly logger: Logger;
  /** Hears of every write before it is sent. */
  onWrite(write: StoreWrite, uncertaintyMs: number): void;
}

/** The real Redis store over simulated connections. */
export class SimStore implements Store {
  readonly source = "redis";
  readonly time: StoreTime;
  readonly timeoutMs: number;
  /** All connections, the subscriber's among them. */
  readonly connections: SimClient[] = [];
  readonly #options: SimStoreOptions;
  readonly #store: RedisStore;

  constructor(options: SimStoreOptions) {
    const { process: clock, logger, listener, poolSize, timeoutMs, tombstoneTtlMs } = options;
    this.#options = options;
    this.#store = new RedisStore({
      addresses: [],
      clusterMode: false,
      poolSize,
      db: 0,
      dialTimeoutMs: 1000,
      keyPrefix: KEY_PREFIX,
      readTimeoutMs: timeoutMs,
      writeTimeoutMs: timeoutMs,
      tombstoneTtlMs,
      breaker: BREAKER,
    }, {
      clock,
      logger,
      listener,
      // For pauses between attempts to connect, of which the simulated client has its own.
      random: new SeededRandom(0),
      opening: {
        openClients: () => Array.from({ length: poolSize }, () => this.#open().asRedis),
        openSubscriber: () => this.#open().asRedis,
      },
    });
    this.time = this.#store.time;
    this.timeoutMs = this.#store.timeoutMs;
  }

  get(key: string): Promise<StoreRead> {
    return this.#store.get(key);
  }

  getMany(
    keys: readonly string[],
    options: { readonly maxBytes: number },
  ): Promise<ReadResult[]> {
    return this.#store.getMany(keys, options);
  }

  write(write: StoreWrite): Promise<WriteOutcome> {
    this.#options.onWrite(write, this.time.uncertaintyMs());
    return this.#store.write(write);
  }

  scan(): never {
    throw new Error("a simulated store is never scanned");
  }

  status(): ConnectionStatus {
    return this.#store.status();
  }

  /** Its connections end only as the world's time goes on. */
  close(): Promise<void> {
    return this.#store.close();
  }

  /** Cuts the replica off from Redis until then; what is sent meanwhile arrives after. */
  partition(untilMs: number): void {
    this.#options.wire.pulledUntilMs = Math.max(this.#options.wire.pulledUntilMs, untilMs);
    for (const { link } of this.connections) link?.stall("both", untilMs);
  }

  #open(): SimClient {
    const client = new SimClient(this.#options);
    this.connections.push(client);
    return client;
  }
}

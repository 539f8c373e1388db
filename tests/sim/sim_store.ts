import type { ChangeListener } from "../../src/core/coherence.ts";
import { decodeEntry } from "../../src/core/entry.ts";
import { CacheError } from "../../src/core/errors.ts";
import type {
  ConnectionStatus,
  ReadResult,
  Store,
  StoreRead,
  StoreWrite,
  WriteOutcome,
} from "../../src/core/store.ts";
import type { Logger } from "../../src/core/telemetry.ts";
import { FailureLog } from "../../src/store/failure_log.ts";
import { type Answered, GuardedClient } from "../../src/store/guarded_client.ts";
import { NodeBreakers } from "../../src/store/node_breakers.ts";
import { GET, type RedisCommand, WRITE } from "../../src/store/redis_commands.ts";
import { fromRedisError, RedisUnavailable } from "../../src/store/redis_errors.ts";
import { RedisHeartbeat } from "../../src/store/redis_heartbeat.ts";
import { RedisTime } from "../../src/store/redis_time.ts";
import { RedisTracking, type TrackingStatus } from "../../src/store/redis_tracking.ts";
import { writeArguments } from "../../src/store/write_script.ts";
import { at } from "./dice.ts";
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
  /** Which of the pool's connections a key uses. */
  connectionOf(key: string): number;
}

/**
 * The Redis store over simulated connections. Its parts are the real ones: timeouts, breaker, ping,
 * Redis time, epochs and leases; it joins them as `RedisStore` does.
 */
export class SimStore implements Store {
  readonly source = "redis";
  readonly time: RedisTime;
  readonly timeoutMs: number;
  /** All connections, the subscriber's among them. */
  readonly connections: SimClient[] = [];
  readonly #options: SimStoreOptions;
  readonly #clients: readonly GuardedClient[];
  readonly #heartbeat: RedisHeartbeat;
  readonly #tracking: RedisTracking;

  constructor(options: SimStoreOptions) {
    const { process: clock, logger, listener, timeoutMs } = options;
    this.#options = options;
    this.timeoutMs = timeoutMs;
    this.time = new RedisTime(clock);
    this.#tracking = new RedisTracking({
      clock,
      logger,
      listener,
      keyPrefix: KEY_PREFIX,
      openSubscriber: () => this.#open().asRedis,
    });
    const nodes = new NodeBreakers({ settings: BREAKER, clock, logger });
    const breakerOf = () => nodes.of("redis");
    const failures = new FailureLog({ clock, logger });
    const shared = { clock, time: this.time, tracking: this.#tracking, breakerOf, failures };
    this.#clients = Array.from(
      { length: options.poolSize },
      () => new GuardedClient(this.#open().asRedis, shared),
    );
    this.#heartbeat = new RedisHeartbeat({
      ...shared,
      clients: this.#clients,
      isCluster: false,
      keyPrefix: KEY_PREFIX,
      logger,
      dialTimeoutMs: 1000,
    });
  }

  get tracking(): TrackingStatus {
    return this.#tracking.status;
  }

  async get(key: string): Promise<StoreRead> {
    const { reply, lease } = await this.#call(key, GET, undefined);
    if (reply === null) return { entry: undefined, lease };
    const entry = decodeEntry(new Uint8Array(reply));
    if (entry instanceof CacheError) throw entry;
    return { entry, lease };
  }

  getMany(keys: readonly string[]): Promise<ReadResult[]> {
    return Promise.all(keys.map((key) => this.get(key).catch(fromRedisError)));
  }

  async write(write: StoreWrite): Promise<WriteOutcome> {
    const { timeoutMs, tombstoneTtlMs, process } = this.#options;
    this.#options.onWrite(write, this.time.uncertaintyMs());
    const callerLeftMs = write.deadlineMs - process.monotonicMs() - this.time.uncertaintyMs();
    const notAfterMs = this.time.nowMs() + Math.min(timeoutMs, callerLeftMs);
    try {
      const argument = writeArguments(write, { notAfterMs, tombstoneTtlMs });
      const { reply, lease } = await this.#call(write.key, WRITE, argument);
      return reply.status === "written" ? { ...reply, lease } : reply;
    } catch (error) {
      if (!(error instanceof RedisUnavailable)) throw error;
      return { status: "failed", error, landsUntilMs: error.isUndone ? -Infinity : notAfterMs };
    }
  }

  status(): ConnectionStatus {
    return this.#heartbeat.status;
  }

  close(): Promise<void> {
    this.#heartbeat.stop();
    return Promise.resolve();
  }

  /** Cuts the replica off from Redis until then; what is sent meanwhile arrives after. */
  partition(untilMs: number): void {
    this.#options.wire.pulledUntilMs = Math.max(this.#options.wire.pulledUntilMs, untilMs);
    for (const { link } of this.connections) link?.stall("both", untilMs);
  }

  #call<Argument, Reply>(
    key: string,
    command: RedisCommand<Argument, Reply>,
    argument: Argument,
  ): Promise<Answered<Reply>> {
    const client = at(this.#clients, this.#options.connectionOf(key));
    const { timeoutMs } = this.#options;
    return client.call(KEY_PREFIX + key, { timeoutMs, command, argument });
  }

  #open(): SimClient {
    const client = new SimClient(this.#options);
    this.connections.push(client);
    return client;
  }
}

import type { Redis } from "ioredis";
import type { Clock, Random } from "../core/clock.ts";
import type { ChangeListener } from "../core/coherence.ts";
import { decodeEntry, ENTRY_HEADER_BYTES } from "../core/entry.ts";
import { batchAnswerTooLarge, CacheError } from "../core/errors.ts";
import type {
  ConnectionStatus,
  ReadResult,
  Store,
  StoreRead,
  StoreWrite,
  WriteOutcome,
} from "../core/store.ts";
import type { Logger } from "../core/telemetry.ts";
import type { Breaker, BreakerSettings, BreakerState } from "./breaker.ts";
import { FailureLog } from "./failure_log.ts";
import { type Answered, GuardedClient } from "./guarded_client.ts";
import { NodeBreakers } from "./node_breakers.ts";
import {
  addressOf,
  closeRedisClient,
  mastersOf,
  openRedisClients,
  openSubscriber,
  type RedisConnectionOptions,
} from "./redis_clients.ts";
import { GET, GET_START, LENGTH, type RedisCommand, WRITE } from "./redis_commands.ts";
import { fromRedisError, RedisUnavailable } from "./redis_errors.ts";
import { RedisFailover } from "./redis_failover.ts";
import { RedisHeartbeat } from "./redis_heartbeat.ts";
import { scanKeys } from "./redis_scan.ts";
import { RedisSearch } from "./redis_search.ts";
import { RedisTime } from "./redis_time.ts";
import { RedisTracking, type TrackingStatus } from "./redis_tracking.ts";
import { writeArguments } from "./write_script.ts";

/** Settings of the store besides those of its connections. */
export interface RedisStoreOptions extends RedisConnectionOptions {
  readonly keyPrefix: string;
  readonly readTimeoutMs: number;
  readonly writeTimeoutMs: number;
  /** How long a deleted key is remembered; 0 deletes it outright. */
  readonly tombstoneTtlMs: number;
  readonly breaker: BreakerSettings;
}

export interface RedisStoreParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Hears of changes made elsewhere; without one nothing is tracked. */
  readonly listener?: ChangeListener;
  /** Told of each change of a node's breaker. */
  readonly onBreaker?: (to: BreakerState) => void;
  /** How connections are opened; a simulation brings its own. */
  readonly opening?: RedisOpening;
}

/** Opens the connections of a store. */
export interface RedisOpening {
  readonly openClients: typeof openRedisClients;
  readonly openSubscriber: typeof openSubscriber;
}

const REAL_OPENING: RedisOpening = { openClients: openRedisClients, openSubscriber };

/** Entries in Redis, standalone or Cluster. A key always travels over the same connection. */
export class RedisStore implements Store {
  readonly source = "redis";
  readonly timeoutMs: number;
  readonly time: RedisTime;
  readonly #options: RedisStoreOptions;
  readonly #clock: Clock;
  readonly #clients: readonly GuardedClient[];
  readonly #heartbeat: RedisHeartbeat;
  readonly #tracking: RedisTracking | undefined;
  readonly #nodes: NodeBreakers;
  readonly #failover: RedisFailover | undefined;
  readonly #search: RedisSearch | undefined;

  constructor(options: RedisStoreOptions, parts: RedisStoreParts) {
    const { clock, logger, random, listener, opening = REAL_OPENING } = parts;
    this.#options = options;
    this.#clock = clock;
    // A batch read has three rounds at most.
    this.timeoutMs = Math.max(3 * options.readTimeoutMs, options.writeTimeoutMs);
    this.time = new RedisTime(clock);
    this.#tracking = listener && new RedisTracking({
      clock,
      logger,
      listener,
      keyPrefix: options.keyPrefix,
      openSubscriber: opening.openSubscriber,
    });
    this.#nodes = new NodeBreakers({
      settings: options.breaker,
      clock,
      logger,
      onTransition: (to) => parts.onBreaker?.(to),
    });
    const breakerOf = (connection: Redis): Breaker => this.#nodes.of(addressOf(connection));
    const failures = new FailureLog({ clock, logger });
    const shared = { clock, time: this.time, tracking: this.#tracking, breakerOf, failures };
    // In a Cluster the map of slots leads to the new master.
    this.#failover = options.clusterMode ? undefined : new RedisFailover({
      clock,
      logger,
      open: opening.openSubscriber,
      connections: () => this.#clients.flatMap(({ client }) => mastersOf(client)),
    });
    const demoted = (connection: Redis): void => void this.#failover?.demoted(connection);
    const jitter = (): number => random.uint32() / 2 ** 32;
    const clients = opening.openClients(options, { jitter, failures });
    this.#clients = clients.map((client) => new GuardedClient(client, { ...shared, demoted }));
    const scout = { ...options, poolSize: 1 };
    this.#search = !options.clusterMode ? undefined : new RedisSearch({
      clock,
      logger,
      clients,
      open: () => opening.openClients(scout, { jitter, failures })[0],
    });
    this.#heartbeat = new RedisHeartbeat({
      ...shared,
      clients: this.#clients,
      isCluster: options.clusterMode,
      keyPrefix: options.keyPrefix,
      logger,
      dialTimeoutMs: options.dialTimeoutMs,
    });
  }

  /** Resolves when all connections served for the first time, or at `close`. */
  get connected(): Promise<void> {
    return this.#heartbeat.allReady;
  }

  /** Whether changes made elsewhere are reported; `off` without a listener or a connection. */
  get tracking(): TrackingStatus {
    return this.#tracking?.status ?? "off";
  }

  /** How many nodes have a breaker in each state. */
  get breakers(): Record<BreakerState, number> {
    return this.#nodes.count();
  }

  /** Resolves when a server refuses to report changes; nothing where no listener asks for them. */
  get untracked(): Promise<void> | undefined {
    return this.#tracking?.refusal;
  }

  async get(key: string): Promise<StoreRead> {
    const { reply, lease } = await this.#call(key, {
      timeoutMs: this.#options.readTimeoutMs,
      command: GET,
      argument: undefined,
    });
    if (reply === null) return { entry: undefined, lease };
    const entry = decodeEntry(bytesOf(reply));
    if (entry instanceof CacheError) throw entry;
    return { entry, lease };
  }

  /**
   * Asks first for each key's share of `maxBytes` (GETRANGE), so that no answer brings more than
   * that however large the values are; most batches end there. Longer values are measured (STRLEN),
   * and read whole only if they fit.
   */
  async getMany(
    keys: readonly string[],
    { maxBytes }: { readonly maxBytes: number },
  ): Promise<ReadResult[]> {
    const share = ENTRY_HEADER_BYTES + Math.floor(maxBytes / Math.max(1, keys.length));
    const starts = await Promise.all(keys.map((key) => this.#readStart(key, share)));
    let bytes = 0;
    const longer: string[] = [];
    for (const [i, start] of starts.entries()) {
      if (start === "longer") longer.push(keys[i] ?? "");
      else if (!(start instanceof CacheError)) bytes += start.entry?.payload.length ?? 0;
    }
    const lengths = await Promise.all(longer.map((key) => this.#length(key)));
    for (const length of lengths) bytes += length - ENTRY_HEADER_BYTES;
    if (bytes > maxBytes) throw batchAnswerTooLarge(maxBytes);
    return await Promise.all(
      starts.map((start, i) =>
        start === "longer" ? this.get(keys[i] ?? "").catch(fromRedisError) : start
      ),
    );
  }

  async write(write: StoreWrite): Promise<WriteOutcome> {
    const { writeTimeoutMs, tombstoneTtlMs } = this.#options;
    const nowMs = this.time.nowMs();
    const callerLeftMs = write.deadlineMs - this.#clock.monotonicMs() - this.time.uncertaintyMs();
    const landsUntilMs = nowMs + Math.min(writeTimeoutMs, callerLeftMs);
    const client = this.#clientOf(write.key);
    const key = this.#options.keyPrefix + write.key;
    const connection = client.router.connectionFor(key);
    // The node goes by its own clock, which may differ from those of a Cluster's other nodes.
    const notAfterMs = landsUntilMs + (connection ? this.time.aheadMs(addressOf(connection)) : 0);
    try {
      const { reply, lease } = await client.call(key, {
        connection,
        timeoutMs: writeTimeoutMs,
        command: WRITE,
        argument: writeArguments(write, { notAfterMs, tombstoneTtlMs }),
      });
      return reply.status === "written" ? { ...reply, lease } : reply;
    } catch (error) {
      if (!(error instanceof RedisUnavailable)) throw error;
      return { status: "failed", error, landsUntilMs: error.isUndone ? -Infinity : landsUntilMs };
    }
  }

  scan(namespace: string): AsyncGenerator<readonly string[]> {
    const { keyPrefix, readTimeoutMs: timeoutMs } = this.#options;
    return scanKeys(this.#clients[0], { keyPrefix, namespace, timeoutMs });
  }

  status(): ConnectionStatus {
    return this.#heartbeat.status;
  }

  async close(): Promise<void> {
    this.#heartbeat.stop();
    const lookedFor = this.#failover?.stop();
    const clients = [
      ...this.#clients.flatMap((guarded) => [guarded.client, ...guarded.besides()]),
      ...this.#tracking?.connections() ?? [],
    ];
    const closing = clients.map((client) => closeRedisClient(client, this.#clock));
    await Promise.all([lookedFor, this.#search?.stop(), ...closing]);
    for (const client of this.#clients) client.stop();
  }

  async #readStart(key: string, share: number): Promise<ReadResult | "longer"> {
    try {
      const { reply, lease } = await this.#call(key, {
        timeoutMs: this.#options.readTimeoutMs,
        command: GET_START,
        argument: share,
      });
      if (reply.length === 0) return { entry: undefined, lease };
      if (reply.length > share) return "longer";
      const entry = decodeEntry(bytesOf(reply));
      return entry instanceof CacheError ? entry : { entry, lease };
    } catch (error) {
      return fromRedisError(error);
    }
  }

  async #length(key: string): Promise<number> {
    try {
      const { reply } = await this.#call(key, {
        timeoutMs: this.#options.readTimeoutMs,
        command: LENGTH,
        argument: undefined,
      });
      return reply;
    } catch {
      // The read of the whole value will meet the fault, and answer it.
      return ENTRY_HEADER_BYTES;
    }
  }

  #call<Argument, Reply>(
    key: string,
    options: {
      readonly timeoutMs: number;
      readonly command: RedisCommand<Argument, Reply>;
      readonly argument: Argument;
    },
  ): Promise<Answered<Reply>> {
    return this.#clientOf(key).call(this.#options.keyPrefix + key, options);
  }

  #clientOf(key: string): GuardedClient {
    const client = this.#clients[hash(key) % this.#clients.length];
    if (client === undefined) throw new RangeError("The pool has no connection.");
    return client;
  }
}

/** FNV-1a over UTF-16 units: spreads keys over connections; nothing else depends on it. */
function hash(key: string): number {
  let sum = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) sum = Math.imul(sum ^ key.charCodeAt(i), 0x01000193);
  return sum >>> 0;
}

function bytesOf(buffer: Uint8Array): Uint8Array<ArrayBuffer> {
  return buffer.buffer instanceof ArrayBuffer
    ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)
    : new Uint8Array(buffer);
}

import type { Clock, Random } from "../core/clock.ts";
import { decodeEntry, type Entry, ENTRY_HEADER_BYTES } from "../core/entry.ts";
import { batchAnswerTooLarge, CacheError } from "../core/errors.ts";
import type {
  ConnectionStatus,
  ReadResult,
  Store,
  StoreWrite,
  WriteOutcome,
} from "../core/store.ts";
import type { Logger } from "../core/telemetry.ts";
import { dispatch, GET, GET_START, LENGTH, type RedisCommand, WRITE } from "./redis_commands.ts";
import {
  closeRedisClient,
  openRedisClients,
  type RedisClient,
  type RedisConnectionOptions,
} from "./redis_clients.ts";
import { fromRedisError, redisUnavailable } from "./redis_errors.ts";
import { RedisHeartbeat } from "./redis_heartbeat.ts";
import { RedisRouter } from "./redis_router.ts";
import { RedisTime } from "./redis_time.ts";
import { writeArguments } from "./write_script.ts";

/** Settings of the store besides those of its connections. */
export interface RedisStoreOptions extends RedisConnectionOptions {
  readonly keyPrefix: string;
  readonly readTimeoutMs: number;
  readonly writeTimeoutMs: number;
  /** How long a deleted key is remembered; 0 deletes it outright. */
  readonly tombstoneTtlMs: number;
}

/** Calls that may wait for one connection's answers; those above are refused at once. */
const MAX_PENDING_CALLS = 20_000;

/** Entries in Redis, standalone or Cluster. A key always travels over the same connection. */
export class RedisStore implements Store {
  readonly source = "redis";
  readonly timeoutMs: number;
  readonly time: RedisTime;
  readonly #options: RedisStoreOptions;
  readonly #clock: Clock;
  readonly #clients: readonly RedisClient[];
  readonly #routers: readonly RedisRouter[];
  readonly #pending: number[];
  readonly #heartbeat: RedisHeartbeat;

  constructor(
    options: RedisStoreOptions,
    parts: { readonly clock: Clock; readonly random: Random; readonly logger: Logger },
  ) {
    this.#options = options;
    this.#clock = parts.clock;
    this.timeoutMs = Math.max(options.readTimeoutMs, options.writeTimeoutMs);
    this.time = new RedisTime(parts.clock);
    this.#clients = openRedisClients(options, {
      jitter: () => parts.random.uint32() / 2 ** 32,
      logger: parts.logger,
    });
    this.#routers = this.#clients.map((client) => new RedisRouter(client));
    this.#pending = this.#clients.map(() => 0);
    this.#heartbeat = new RedisHeartbeat({
      clients: this.#clients,
      time: this.time,
      clock: parts.clock,
      logger: parts.logger,
      dialTimeoutMs: options.dialTimeoutMs,
    });
  }

  /** Resolves when all connections served for the first time, or at `close`. */
  get connected(): Promise<void> {
    return this.#heartbeat.allReady;
  }

  async get(key: string): Promise<Entry | undefined> {
    const bytes = await this.#call(key, {
      timeoutMs: this.#options.readTimeoutMs,
      command: GET,
      argument: undefined,
    });
    if (bytes === null) return undefined;
    const entry = decodeEntry(bytesOf(bytes));
    if (entry instanceof CacheError) throw entry;
    return entry;
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
    const results: ReadResult[] = [];
    const longer: number[] = [];
    let bytes = 0;
    const starts = await Promise.all(keys.map((key) => this.#readStart(key, share)));
    for (const [i, start] of starts.entries()) {
      if (start === "longer") longer.push(i);
      else if (start !== undefined && !(start instanceof CacheError)) bytes += start.payload.length;
      results.push(start === "longer" ? undefined : start);
    }
    if (longer.length === 0) return results;
    const lengths = await Promise.all(longer.map((i) => this.#length(keys[i] ?? "")));
    for (const length of lengths) bytes += length - ENTRY_HEADER_BYTES;
    if (bytes > maxBytes) throw batchAnswerTooLarge(maxBytes);
    await Promise.all(longer.map(async (i) => {
      results[i] = await this.get(keys[i] ?? "").catch(fromRedisError);
    }));
    return results;
  }

  async write(write: StoreWrite): Promise<WriteOutcome> {
    const { writeTimeoutMs, tombstoneTtlMs } = this.#options;
    const nowMs = this.time.nowMs();
    const callerLeftMs = write.deadlineMs - this.#clock.monotonicMs() - this.time.uncertaintyMs();
    const notAfterMs = nowMs + Math.min(writeTimeoutMs, callerLeftMs);
    return await this.#call(write.key, {
      timeoutMs: writeTimeoutMs,
      command: WRITE,
      argument: writeArguments(write, { notAfterMs, tombstoneTtlMs }),
    });
  }

  status(): ConnectionStatus {
    return this.#heartbeat.status;
  }

  async close(): Promise<void> {
    this.#heartbeat.stop();
    await Promise.all(this.#clients.map((client) => closeRedisClient(client, this.#clock)));
  }

  async #readStart(key: string, share: number): Promise<ReadResult | "longer"> {
    try {
      const bytes = await this.#call(key, {
        timeoutMs: this.#options.readTimeoutMs,
        command: GET_START,
        argument: share,
      });
      if (bytes.length === 0) return undefined;
      return bytes.length > share ? "longer" : decodeEntry(bytesOf(bytes));
    } catch (error) {
      return fromRedisError(error);
    }
  }

  #length(key: string): Promise<number> {
    return this.#call(key, {
      timeoutMs: this.#options.readTimeoutMs,
      command: LENGTH,
      argument: undefined,
    }).catch(() => ENTRY_HEADER_BYTES);
  }

  /** Runs a command on the key's connection; gives up on it after `timeoutMs`. */
  #call<Argument, Reply>(
    key: string,
    options: {
      readonly timeoutMs: number;
      readonly command: RedisCommand<Argument, Reply>;
      readonly argument: Argument;
    },
  ): Promise<Reply> {
    const { timeoutMs, command, argument } = options;
    const index = hash(key) % this.#clients.length;
    const router = this.#routers[index];
    const pending = this.#pending[index] ?? 0;
    if (router === undefined || Number.isNaN(this.time.nowMs())) {
      return Promise.reject(redisUnavailable("Redis has not answered since the start."));
    }
    if (pending >= MAX_PENDING_CALLS) {
      return Promise.reject(
        redisUnavailable(`Redis owes this connection ${pending} answers, the most it may.`),
      );
    }
    this.#pending[index] = pending + 1;
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(
        () => reject(redisUnavailable(`Redis did not answer within ${timeoutMs} ms.`)),
        timeoutMs,
      );
      // A call that timed out stays pending until the client lets go of it: that bounds its queue.
      const settle = () => {
        timer.cancel();
        this.#pending[index] = (this.#pending[index] ?? 1) - 1;
      };
      dispatch({ command, router, key: this.#options.keyPrefix + key, argument }).then(
        (reply) => {
          settle();
          resolve(reply);
        },
        (error) => {
          settle();
          reject(fromRedisError(error));
        },
      );
    });
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

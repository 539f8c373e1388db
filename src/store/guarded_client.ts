import type { Redis } from "ioredis";
import type { Clock } from "../core/clock.ts";
import { type Lease, NO_LEASE } from "../core/coherence.ts";
import type { StoreTime } from "../core/store.ts";
import { TimeoutQueue } from "../core/timeout_queue.ts";
import type { Breaker, Permit } from "./breaker.ts";
import type { FailureLog } from "./failure_log.ts";
import type { RedisClient } from "./redis_clients.ts";
import { type Dispatch, dispatch, type RedisCommand } from "./redis_commands.ts";
import {
  fromRedisError,
  isReply,
  isServerState,
  redisErrorKind,
  RedisUnavailable,
  wasNeverSent,
} from "./redis_errors.ts";
import { RedisRedirector } from "./redis_redirector.ts";
import { RedisRouter } from "./redis_router.ts";
import type { RedisTracking } from "./redis_tracking.ts";

/** Calls that may wait for one client's answers; those above are refused at once. */
const MAX_PENDING_CALLS = 20_000;
/**
 * A call that finds its connection closed fails at once, so nothing that began later is answered yet;
 * a node that lives has answered a ping of another connection in this time.
 */
const UNSENT_GRACE_MS = 1000;

/** A reply, and what it may be remembered under. */
export interface Answered<Reply> {
  readonly reply: Reply;
  /** Of another server's answer `NO_LEASE`: changes there are reported to another connection. */
  readonly lease: Lease | undefined;
}

export interface GuardedClientParts {
  readonly clock: Clock;
  readonly time: StoreTime;
  readonly tracking: RedisTracking | undefined;
  readonly failures: FailureLog;
  breakerOf(connection: Redis): Breaker;
  /** The server of a connection refused a write because it is a replica. */
  demoted(connection: Redis): void;
}

/** One client of the pool, each call of which has a timeout and passes its node's breaker. */
export class GuardedClient {
  readonly client: RedisClient;
  readonly router: RedisRouter;
  readonly #redirector: RedisRedirector;
  readonly #parts: GuardedClientParts;
  /** By their length, of which there are two. */
  readonly #timeouts = new Map<number, TimeoutQueue>();
  #pending = 0;

  constructor(client: RedisClient, parts: GuardedClientParts) {
    this.client = client;
    this.router = new RedisRouter(client);
    const { router } = this;
    this.#redirector = new RedisRedirector({ client, router, failures: parts.failures });
    this.#parts = parts;
  }

  /** Connections that do not close with the client. */
  besides(): Redis[] {
    return this.#redirector.connections();
  }

  /** Rejects with `RedisUnavailable` and `entry_invalid`. */
  call<Argument, Reply>(
    key: string,
    options: {
      /** That of the key's server by default. */
      readonly connection?: Redis | undefined;
      readonly timeoutMs: number;
      readonly command: RedisCommand<Argument, Reply>;
      readonly argument: Argument;
    },
  ): Promise<Answered<Reply>> {
    const connection = options.connection ?? this.router.connectionFor(key);
    const breaker = connection && this.#parts.breakerOf(connection);
    const permit = breaker?.enter();
    if (connection === undefined || breaker === undefined || permit === undefined) {
      return Promise.reject(this.#refusal(breaker));
    }
    if (Number.isNaN(this.#parts.time.nowMs()) || this.#pending >= MAX_PENDING_CALLS) {
      breaker.released(permit);
      return Promise.reject(this.#refusal(undefined));
    }
    // The lease is the one at the sending: a reply must not be trusted for what came after it.
    const lease = this.#parts.tracking?.leaseOf(connection);
    const { command, argument, timeoutMs } = options;
    const task: Dispatch<Argument, Reply> = {
      command,
      redirector: this.#redirector,
      connection,
      key,
      argument,
      redirected: false,
      isOver: false,
    };
    return this.#guard(task, { lease, breaker, permit, timeoutMs });
  }

  #guard<Argument, Reply>(
    task: Dispatch<Argument, Reply>,
    options: {
      readonly lease: Lease | undefined;
      readonly breaker: Breaker;
      readonly permit: Permit;
      readonly timeoutMs: number;
    },
  ): Promise<Answered<Reply>> {
    const { breaker, permit, timeoutMs } = options;
    this.#pending++;
    return new Promise((resolve, reject) => {
      const wait = this.#timeoutsOf(timeoutMs).begin(() => {
        task.isOver = true;
        breaker.unanswered(permit, 0);
        const message = `Redis did not answer within ${timeoutMs} ms.`;
        reject(new RedisUnavailable(message, { isUndone: false }));
      });
      // A call that timed out stays pending until the client lets go of it: that bounds its queue.
      dispatch(task).then((reply) => {
        this.#pending--;
        wait.end();
        breaker.succeeded(permit);
        resolve({ reply, lease: task.redirected ? NO_LEASE : options.lease });
      }, (error) => {
        this.#pending--;
        wait.end();
        if (!isReply(error)) breaker.unanswered(permit, wasNeverSent(error) ? UNSENT_GRACE_MS : 0);
        else if (isServerState(error)) breaker.failed(permit);
        else breaker.released(permit);
        if (redisErrorKind(error) === "READONLY") this.#parts.demoted(task.connection);
        const failure = fromRedisError(error);
        if (isReply(error) && failure instanceof RedisUnavailable) {
          this.#parts.failures.tell("redis refused a call", error);
        }
        reject(failure);
      });
    });
  }

  /** Forgets the timeouts of calls that are still under way. */
  stop(): void {
    for (const timeouts of this.#timeouts.values()) timeouts.stop();
  }

  #timeoutsOf(timeoutMs: number): TimeoutQueue {
    let timeouts = this.#timeouts.get(timeoutMs);
    if (timeouts === undefined) {
      timeouts = new TimeoutQueue({ clock: this.#parts.clock, timeoutMs });
      this.#timeouts.set(timeoutMs, timeouts);
    }
    return timeouts;
  }

  #refusal(breaker: Breaker | undefined): RedisUnavailable {
    if (breaker !== undefined) {
      return new RedisUnavailable("Redis is known to be away; the call was not tried.", {
        code: "circuit_open",
        isUndone: true,
      });
    }
    const message = this.#pending >= MAX_PENDING_CALLS
      ? `Redis owes this connection ${this.#pending} answers, the most it may.`
      : "Redis has not answered since the start, or no server of the Cluster has the key's slot.";
    return new RedisUnavailable(message, { isUndone: true });
  }
}

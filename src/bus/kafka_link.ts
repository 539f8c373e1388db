import { Backoff } from "../core/backoff.ts";
import type { Clock, Random } from "../core/clock.ts";
import type { ConnectionStatus } from "../core/store.ts";
import type { Logger } from "../core/telemetry.ts";
import { kafkaFailureFields } from "./kafka_failure.ts";
import { pause } from "./kafka_pause.ts";
import type { QuietLog } from "./quiet_log.ts";

/** A connection that held this long is not taken for one that fails at once. */
const STEADY_MS = 30_000;

/** A working connection to the brokers. */
export interface KafkaSession {
  /** Resolves with the failure that ended it; kafkajs does not bring it back. */
  readonly ended: Promise<unknown>;
  close(): Promise<void>;
}

export interface KafkaLinkOptions<S extends KafkaSession> {
  /** What the log calls it. */
  readonly role: string;
  /** Gives a session that works; gives up, rejecting, when `closing` is aborted. */
  readonly open: (closing: AbortSignal) => Promise<S>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly log: QuietLog;
}

/** Opens a session, and another whenever one has failed, without end. */
export class KafkaLink<S extends KafkaSession> {
  readonly #options: KafkaLinkOptions<S>;
  readonly #closing = new AbortController();
  readonly #backoff: Backoff;
  readonly #running: Promise<void>;
  #status: ConnectionStatus = "connecting";
  #session: S | undefined;

  constructor(options: KafkaLinkOptions<S>) {
    this.#options = options;
    this.#backoff = new Backoff({ random: options.random, firstMs: 1_000, longestMs: 30_000 });
    this.#running = this.#run();
  }

  get status(): ConnectionStatus {
    return this.#status;
  }

  /** The session, while there is one. */
  get session(): S | undefined {
    return this.#session;
  }

  /** Closes the session and opens no other. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
    this.#status = "disconnected";
  }

  async #run(): Promise<void> {
    const { clock, log, role } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const failure = await this.#serve();
      if (signal.aborted) return;
      this.#status = "disconnected";
      log.warn("Kafka is not reached.", { role, ...kafkaFailureFields(failure) });
      await pause(clock, { delayMs: this.#backoff.nextMs(), signal });
    }
  }

  /** Opens a session and returns why it ended. */
  async #serve(): Promise<unknown> {
    const { clock, logger, open, role } = this.#options;
    const { signal } = this.#closing;
    try {
      const session = await open(signal);
      const openedAtMs = clock.monotonicMs();
      this.#session = session;
      this.#status = "connected";
      logger.info("Connected to Kafka.", { role });
      const failure = await Promise.race([session.ended, whenAborted(signal)]);
      this.#session = undefined;
      if (!signal.aborted) this.#status = "disconnected";
      await session.close();
      if (clock.monotonicMs() - openedAtMs >= STEADY_MS) this.#backoff.reset();
      return failure;
    } catch (error) {
      return error;
    }
  }
}

function whenAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
}

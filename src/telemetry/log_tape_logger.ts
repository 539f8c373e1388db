import {
  configure,
  dispose,
  getLogger,
  getStreamSink,
  type Logger as LogTape,
  type LogLevel,
} from "@logtape/logtape";
import type { Clock } from "../core/clock.ts";
import type { LogFields, Logger } from "../core/telemetry.ts";
import { jsonLine, prettyLine } from "./log_line.ts";

export interface LoggerOptions {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly format: "json" | "pretty";
  /** Where the lines go; it stays open when the logger is closed. */
  readonly stream: WritableStream<Uint8Array>;
  /** Whether pretty lines may be coloured. */
  readonly colour: boolean;
  readonly clock: Clock;
}

/** How long closing waits for a stream that takes no lines. */
const CLOSE_TIMEOUT_MS = 1000;

const LOGTAPE_LEVELS: Readonly<Record<LoggerOptions["level"], LogLevel>> = {
  debug: "debug",
  info: "info",
  warn: "warning",
  error: "error",
};

/** Logs by LogTape, buffered: a stream that does not take lines blocks nobody. */
export class LogTapeLogger implements Logger {
  readonly #log: LogTape;
  readonly #clock: Clock;

  private constructor(log: LogTape, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** Configures LogTape, which is global to the process: opens one logger at a time. */
  static async open(options: LoggerOptions): Promise<LogTapeLogger> {
    const sink = getStreamSink(options.stream, {
      formatter: options.format === "json" ? jsonLine : prettyLine(options.colour),
      nonBlocking: true,
      closeStream: false,
    });
    await configure({
      reset: true,
      sinks: { sink },
      loggers: [
        { category: [], sinks: ["sink"], lowestLevel: LOGTAPE_LEVELS[options.level] },
        // Without a level of its own LogTape's own logger would greet at every start.
        { category: ["logtape", "meta"], sinks: ["sink"], lowestLevel: "error" },
      ],
    });
    return new LogTapeLogger(getLogger("cache-service"), options.clock);
  }

  debug(message: string, fields?: LogFields): void {
    this.#log.debug(message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#log.info(message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#log.warn(message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#log.error(message, fields);
  }

  /** Writes out what is buffered, unless nobody reads it, and lets go of the stream. */
  async close(): Promise<void> {
    const timeout = Promise.withResolvers<void>();
    const timer = this.#clock.setTimer(timeout.resolve, CLOSE_TIMEOUT_MS);
    await Promise.race([dispose(), timeout.promise]);
    timer.cancel();
  }
}

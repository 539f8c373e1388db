import {
  configure,
  dispose,
  getLogger,
  getStreamSink,
  type Logger as LogTape,
  type LogLevel,
} from "@logtape/logtape";
import type { LogFields, Logger } from "../core/telemetry.ts";
import { jsonLine, prettyLine } from "./log_line.ts";

export interface LoggerOptions {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly format: "json" | "pretty";
  /** Where the lines go; it stays open when the logger is closed. */
  readonly stream: WritableStream<Uint8Array>;
}

const LOGTAPE_LEVELS: Readonly<Record<LoggerOptions["level"], LogLevel>> = {
  debug: "debug",
  info: "info",
  warn: "warning",
  error: "error",
};

/** Logs by LogTape, buffered: a stream that does not take lines blocks nobody. */
export class LogTapeLogger implements Logger {
  readonly #log: LogTape;

  private constructor(log: LogTape) {
    this.#log = log;
  }

  /** Configures LogTape, which is global to the process: opens one logger at a time. */
  static async open(options: LoggerOptions): Promise<LogTapeLogger> {
    const sink = getStreamSink(options.stream, {
      formatter: options.format === "json" ? jsonLine : prettyLine,
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
    return new LogTapeLogger(getLogger("cache-service"));
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

  /** Writes out what is buffered and lets go of the stream. */
  async close(): Promise<void> {
    await dispose();
  }
}

import { configure, getLogger, type Logger as LogTape } from "@logtape/logtape";
import type { Clock } from "../core/clock.ts";
import type { LogFields, Logger } from "../core/telemetry.ts";
import { LogBuffer } from "./log_buffer.ts";
import { jsonLine, prettyLine } from "./log_line.ts";
import { RequestLog } from "./request_log.ts";

/** What is logged: lines of this severity and above. */
export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: "json" | "pretty";
  /** Whether each operation has a line. */
  readonly logRequests: boolean;
  /** Whether these lines tell their key by a hash. */
  readonly hashKeys: boolean;
  /** Where the lines go; it stays open when the logger is closed. */
  readonly stream: WritableStream<Uint8Array>;
  /** Whether pretty lines may be coloured. */
  readonly colour: boolean;
  readonly clock: Clock;
}

const SEVERITY: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Logs by LogTape, buffered: a stream that does not take lines blocks nobody. */
export class LogTapeLogger implements Logger {
  /** Writes the lines of operations, where these are to be logged. */
  readonly requests: RequestLog;
  readonly #log: LogTape;
  readonly #buffer: LogBuffer;
  readonly #logRequests: boolean;
  #level: LogLevel;

  private constructor(options: LoggerOptions, buffer: LogBuffer) {
    this.requests = new RequestLog({
      ...options,
      buffer,
      ...(options.format === "pretty" ? { pretty: prettyLine(options.colour) } : {}),
    });
    this.#log = getLogger("cache-service");
    this.#buffer = buffer;
    this.#logRequests = options.logRequests;
    this.#level = options.level;
    this.#enableRequests();
  }

  /** Configures LogTape, which is global to the process: opens one logger at a time. */
  static async open(options: LoggerOptions): Promise<LogTapeLogger> {
    const buffer = new LogBuffer(options);
    const format = options.format === "json" ? jsonLine : prettyLine(options.colour);
    await configure({
      reset: true,
      sinks: { sink: (record) => buffer.write(format(record)) },
      loggers: [
        // The level is looked at before LogTape is asked, because it changes while it runs.
        { category: [], sinks: ["sink"], lowestLevel: "debug" },
        // Without a level of its own LogTape's own logger would greet at every start.
        { category: ["logtape", "meta"], sinks: ["sink"], lowestLevel: "error" },
      ],
    });
    return new LogTapeLogger(options, buffer);
  }

  get level(): LogLevel {
    return this.#level;
  }

  /** Takes effect at once; a change has a line, whatever the levels. */
  set level(level: LogLevel) {
    if (level === this.#level) return;
    this.#log.info("the log level changed", { from: this.#level, to: level });
    this.#level = level;
    this.#enableRequests();
  }

  /** How many lines were lost, because the stream did not take them. */
  get dropped(): number {
    return this.#buffer.dropped;
  }

  debug(message: string, fields?: LogFields): void {
    if (this.#shows("debug")) this.#log.debug(message, fields);
  }

  info(message: string, fields?: LogFields): void {
    if (this.#shows("info")) this.#log.info(message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    if (this.#shows("warn")) this.#log.warn(message, fields);
  }

  error(message: string, fields?: LogFields): void {
    if (this.#shows("error")) this.#log.error(message, fields);
  }

  /** Writes out what is buffered, unless nobody reads it, and lets go of the stream. */
  close(): Promise<void> {
    return this.#buffer.close();
  }

  #shows(level: LogLevel): boolean {
    return SEVERITY[level] >= SEVERITY[this.#level];
  }

  #enableRequests(): void {
    this.requests.enabled = this.#logRequests && this.#shows("info");
  }
}

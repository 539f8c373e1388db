import type { LogFields, Logger } from "../../src/core/telemetry.ts";

/** Keeps what is logged, a line of JSON each. */
export class RecordingLogger implements Logger {
  readonly lines: string[] = [];

  debug(message: string, fields?: LogFields): void {
    this.#keep("debug", message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#keep("info", message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#keep("warn", message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#keep("error", message, fields);
  }

  /** The warnings and errors. */
  get faults(): readonly string[] {
    return this.lines.filter((line) => /^\{"level":"(warn|error)"/.test(line));
  }

  #keep(level: string, ...[message, fields]: [string, LogFields | undefined]): void {
    this.lines.push(JSON.stringify({ level, message, ...fields }));
  }
}

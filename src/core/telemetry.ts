/** Members of a log line; never a key, a value, a token or a secret. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes log lines; never blocks and never throws. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** Counts what happens; never throws. */
export interface Meter {
  /**
   * A call was refused for who makes it; `reason` is one of few words, never anything of the call.
   */
  authFailure(reason: string): void;
  /** A stored value could not be opened. */
  decryptionFailure(): void;
  /** An invalidation event came, and what became of it; `action` is "unknown" for no event. */
  invalidationEvent(action: string, outcome: "applied" | "retried" | "dead"): void;
  /** Seconds from an event's time to its being carried out. */
  invalidationLag(seconds: number): void;
}

/** How hard every generator presses: a closed loop of this many calls in flight. */
export const IN_FLIGHT = 64;

/** What a load generator saw in one round. */
export interface LoadResult {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** All that were answered, also while the round ended. */
  readonly requests: number;
}

/** An answer to replay: what it takes depends on the interface. */
export type Recording = Readonly<Record<string, unknown>>;

/** One workload, ready to be sent to one kind of server by one interface. */
export interface Load {
  /** Stores the workload's entries, and checks that its calls are answered as they should be. */
  prepare(port: number): Promise<void>;
  /** An answer for each operation of the workload, for a peer that does nothing but repeat it. */
  record(port: number): Promise<Recording>;
  /** Presses for `seconds` and measures. */
  run(port: number, seconds: number): Promise<LoadResult>;
}

import type { InvalidationEvent } from "../core/bus.ts";
import type { ErrorCode } from "../core/errors.ts";
import type { Stamp } from "../core/stamp.ts";
import type { ConnectionStatus, Source } from "../core/store.ts";

/** A value as it is stored and answered. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** A live entry whose value is opened. */
export interface Opened {
  readonly value: Bytes;
  readonly stamp: Stamp;
  readonly expiresAtMs: number;
}

/** One key of a namespace. */
export interface KeyRequest {
  readonly namespace: string;
  readonly key: string;
}

export interface SetRequest extends KeyRequest {
  readonly value: Bytes;
  /** Whole seconds; absent or 0 for the default. */
  readonly ttlSeconds?: number;
  readonly encrypt?: boolean;
}

export interface BatchGetRequest {
  readonly namespace: string;
  /** A key named twice is read and answered once. */
  readonly keys: readonly string[];
}

export interface BatchSetRequest {
  readonly namespace: string;
  readonly entries: ReadonlyMap<string, Bytes>;
  readonly ttlSeconds?: number;
  readonly encrypt?: boolean;
}

export interface InvalidateRequest {
  readonly namespace: string;
  /** A key named twice is invalidated once. */
  readonly keys: readonly string[];
  /** What became of their origin: it is gone, or another one. */
  readonly action: InvalidationEvent["action"];
}

export interface Hit {
  readonly found: true;
  readonly value: Bytes;
  readonly source: Source;
  readonly degraded: boolean;
  /** Seconds left, rounded up. */
  readonly ttlSeconds: number;
  /** 24 hexadecimal digits that change with every write. */
  readonly version: string;
}

export interface Miss {
  readonly found: false;
  /** The store could not be asked. */
  readonly degraded: boolean;
}

export interface SetResult {
  readonly degraded: boolean;
  readonly version: string;
}

export interface DeleteResult {
  /** Whether an entry was there. */
  readonly deleted: boolean;
  readonly degraded: boolean;
}

export interface BatchGetResult {
  readonly values: ReadonlyMap<string, Bytes>;
  readonly missingKeys: readonly string[];
  /** Keys that hold something which could not be read; they are not missing. */
  readonly errors: ReadonlyMap<string, ErrorCode>;
  readonly degraded: boolean;
}

export interface BatchSetResult {
  /** Whether every entry was stored. */
  readonly success: boolean;
  readonly storedCount: number;
  readonly degraded: boolean;
}

export interface HealthReport {
  /** False only while draining. */
  readonly healthy: boolean;
  readonly redisStatus: ConnectionStatus;
  readonly brokerStatus: ConnectionStatus;
  readonly localCacheEnabled: boolean;
  /** `near` answers trusted copies, `fallback` copies in outages only; nothing without a near cache. */
  readonly localCacheMode: "near" | "fallback" | undefined;
  readonly degraded: boolean;
}

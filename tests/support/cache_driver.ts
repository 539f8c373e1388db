/** What a read gave. */
export type Read =
  | { readonly found: false; readonly degraded: boolean }
  | {
    readonly found: true;
    readonly value: Uint8Array;
    readonly source: string;
    readonly ttlSeconds: number;
    readonly version: string;
    readonly degraded: boolean;
  };

/** How an entry is written. */
export interface WriteOptions {
  readonly ttlSeconds?: number | undefined;
  readonly encrypt?: boolean | undefined;
}

/** What a batch read gave. */
export interface BatchRead {
  readonly values: ReadonlyMap<string, Uint8Array>;
  readonly missingKeys: readonly string[];
  readonly errors: ReadonlyMap<string, string>;
  readonly degraded: boolean;
}

/** A refusal, with the code of docs/api.md. */
export class Refusal extends Error {
  override readonly name = "Refusal";

  constructor(readonly code: string, message: string) {
    super(`${code}: ${message}`);
  }
}

/** One way to use the cache: in process, by REST or by gRPC. All of them reject with `Refusal`. */
export interface CacheDriver {
  get(namespace: string, key: string): Promise<Read>;
  set(
    entry: { readonly namespace: string; readonly key: string; readonly value: Uint8Array },
    options?: WriteOptions,
  ): Promise<{ readonly degraded: boolean }>;
  delete(namespace: string, key: string): Promise<{ deleted: boolean; degraded: boolean }>;
  batchGet(namespace: string, keys: readonly string[]): Promise<BatchRead>;
  batchSet(
    batch: { readonly namespace: string; readonly entries: ReadonlyMap<string, Uint8Array> },
    options?: WriteOptions,
  ): Promise<{ success: boolean; storedCount: number; degraded: boolean }>;
  close(): void;
}

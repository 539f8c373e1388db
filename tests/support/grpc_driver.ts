import { fileURLToPath } from "node:url";
import {
  type ChannelOptions,
  credentials,
  loadPackageDefinition,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import {
  type BatchRead,
  type CacheDriver,
  type Read,
  Refusal,
  type WriteOptions,
} from "./cache_driver.ts";

const PROTO = fileURLToPath(new URL("../../proto/cache/v1/cache.proto", import.meta.url));

const SOURCES: Readonly<Record<string, string>> = { SOURCE_REDIS: "redis", SOURCE_LOCAL: "local" };

// deno-lint-ignore no-explicit-any -- a client made at run time from the proto has no type
type DynamicClient = any;

const definition = loadSync(PROTO, {
  keepCase: true,
  longs: Number,
  enums: String,
  defaults: true,
  arrays: true,
  objects: true,
});

/** Uses the cache by gRPC, with a client as other languages would make it from the proto. */
export class GrpcDriver implements CacheDriver {
  readonly #client: DynamicClient;
  readonly #metadata = new Metadata();
  readonly #deadlineMs: number;

  /** `address` is `host:port`; a call has `deadlineMs` milliseconds. */
  constructor(
    address: string,
    options: {
      readonly token?: string;
      readonly deadlineMs?: number;
      readonly channel?: ChannelOptions;
      /** Goes with every call. */
      readonly metadata?: Readonly<Record<string, string>>;
    } = {},
  ) {
    const api: DynamicClient = loadPackageDefinition(definition);
    this.#deadlineMs = options.deadlineMs ?? 10_000;
    this.#client = new api.cache.v1.CacheService(address, credentials.createInsecure(), {
      "grpc.max_receive_message_length": -1,
      "grpc.use_local_subchannel_pool": 1,
      ...options.channel,
    });
    if (options.token !== undefined) this.#metadata.set("authorization", `Bearer ${options.token}`);
    for (const [name, value] of Object.entries(options.metadata ?? {})) {
      this.#metadata.set(name, value);
    }
  }

  async get(namespace: string, key: string): Promise<Read> {
    const answer = await this.call("Get", { namespace, key });
    if (!answer.found) return { found: false, degraded: answer.degraded };
    return {
      found: true,
      value: bytes(answer.value),
      source: SOURCES[answer.source] ?? answer.source,
      ttlSeconds: answer.ttl_seconds,
      version: answer.version,
      degraded: answer.degraded,
    };
  }

  set(
    { namespace, key, value }: { namespace: string; key: string; value: Uint8Array },
    { ttlSeconds, encrypt }: WriteOptions = {},
  ): Promise<{ degraded: boolean }> {
    return this.call("Set", {
      namespace,
      key,
      value,
      ...(ttlSeconds === undefined ? {} : { ttl_seconds: ttlSeconds }),
      ...(encrypt === undefined ? {} : { encrypt }),
    });
  }

  delete(namespace: string, key: string): Promise<{ deleted: boolean; degraded: boolean }> {
    return this.call("Delete", { namespace, key });
  }

  async batchGet(namespace: string, keys: readonly string[]): Promise<BatchRead> {
    const answer = await this.call("BatchGet", { namespace, keys });
    return {
      values: new Map(
        Object.entries(answer.values).map(([key, value]) => [key, bytes(value)]),
      ),
      missingKeys: answer.missing_keys,
      errors: new Map(Object.entries<string>(answer.errors)),
      degraded: answer.degraded,
    };
  }

  async batchSet(
    { namespace, entries }: { namespace: string; entries: ReadonlyMap<string, Uint8Array> },
    { ttlSeconds, encrypt }: WriteOptions = {},
  ): Promise<{ success: boolean; storedCount: number; degraded: boolean }> {
    const wire = Object.create(null);
    for (const [key, value] of entries) wire[key] = value;
    const answer = await this.call("BatchSet", {
      namespace,
      entries: wire,
      ...(ttlSeconds === undefined ? {} : { ttl_seconds: ttlSeconds }),
      ...(encrypt === undefined ? {} : { encrypt }),
    });
    return {
      success: answer.success,
      storedCount: answer.stored_count,
      degraded: answer.degraded,
    };
  }

  /** Calls any unary method by its name; rejects with a `Refusal`. */
  call(
    method: string,
    request: unknown,
    options: { readonly metadata?: Readonly<Record<string, string>> } = {},
    // deno-lint-ignore no-explicit-any -- see DynamicClient
  ): Promise<any> {
    const metadata = this.#metadata.clone();
    for (const [name, value] of Object.entries(options.metadata ?? {})) metadata.set(name, value);
    return new Promise((resolve, reject) => {
      const until = { deadline: Date.now() + this.#deadlineMs };
      const done = (error: ServiceError | null, answer: unknown): void => {
        if (error === null) return resolve(answer);
        const code = error.metadata?.get("cache-error-code")[0];
        reject(new Refusal(code === undefined ? `grpc ${error.code}` : `${code}`, error.details));
      };
      this.#client[method](request, metadata, until, done);
    });
  }

  close(): void {
    this.#client.close();
  }
}

function bytes(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new TypeError("a value is not bytes");
  return new Uint8Array(value);
}

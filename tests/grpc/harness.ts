import { Buffer } from "node:buffer";
import grpc from "@grpc/grpc-js";
import protobuf from "protobufjs";
import { AnonymousVerifier } from "../../src/auth/anonymous_verifier.ts";
import { ScopePolicy } from "../../src/auth/policy.ts";
import type { Verifier } from "../../src/auth/verifier.ts";
import { MemoryBus } from "../../src/bus/memory_bus.ts";
import { CacheService } from "../../src/cache/cache_service.ts";
import { Concurrency } from "../../src/core/concurrency.ts";
import type { LogFields, Logger } from "../../src/core/telemetry.ts";
import { Lifecycle } from "../../src/core/lifecycle.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/core/limits.ts";
import { MemoryBudget } from "../../src/core/memory_budget.ts";
import type { Store } from "../../src/core/store.ts";
import {
  type GrpcServer,
  type GrpcServerOptions,
  startGrpcServer,
} from "../../src/grpc/grpc_js_server.ts";
import { createHandlers } from "../../src/grpc/service.ts";
import { MemoryStore } from "../../src/store/memory_store.ts";
import { systemClock as clock } from "../../src/system.ts";
import { withoutKeys } from "../harness/envelopes.ts";
import { silentMeter, silentObserver } from "../harness/silent.ts";
import { waitFor } from "../support/wait_for.ts";

/** What a test may choose about the server it talks to. */
export interface ServerChoices extends Partial<GrpcServerOptions> {
  readonly store?: Store;
  readonly verifier?: Verifier;
  readonly requestTimeoutMs?: number;
  readonly budgetBytes?: number;
  readonly concurrency?: Concurrency;
}

/** A server over the memory store, and what it logs and holds. */
export interface TestServer extends GrpcServer, AsyncDisposable {
  readonly address: string;
  readonly lifecycle: Lifecycle;
  readonly concurrency: Concurrency;
  readonly budget: MemoryBudget;
  /** The messages and fields of warnings and errors. */
  readonly logged: (readonly [string, LogFields?])[];
  /** Resolves when the server holds no request any more. */
  idle(): Promise<boolean>;
}

export async function startServer(choices: ServerChoices = {}): Promise<TestServer> {
  const limits: Limits = choices.limits ?? DEFAULT_LIMITS;
  const lifecycle = choices.lifecycle ?? new Lifecycle();
  lifecycle.enter("serving");
  const logged: (readonly [string, LogFields?])[] = [];
  const keep = (message: string, fields?: LogFields): void =>
    void logged.push(fields === undefined ? [message] : [message, fields]);
  const logger: Logger = { debug: keep, info: keep, warn: keep, error: keep };
  const requestTimeoutMs = choices.requestTimeoutMs ?? 10_000;
  const budget = new MemoryBudget(choices.budgetBytes ?? 64 * 1024 * 1024);
  const concurrency = choices.concurrency ?? new Concurrency(4096);
  const service = new CacheService({
    store: choices.store ?? memoryStore(),
    envelope: withoutKeys,
    policy: new ScopePolicy(),
    limits,
    lifecycle,
    clock,
    bus: new MemoryBus(),
    logger,
    meter: silentMeter,
    writerId: 1,
  });
  const handlers = createHandlers({
    service,
    verifier: choices.verifier ?? new AnonymousVerifier(),
    clock,
    requestTimeoutMs,
    concurrency,
    observer: silentObserver,
    budget,
    logger,
  });
  const server = await startGrpcServer(handlers, {
    meter: silentMeter,
    host: "127.0.0.1",
    port: 0,
    reflection: false,
    logger,
    newCorrelationId: () => crypto.randomUUID(),
    ...choices,
    clock,
    requestTimeoutMs,
    budget,
    limits,
    lifecycle,
  });
  return {
    ...server,
    address: `127.0.0.1:${server.port}`,
    lifecycle,
    concurrency,
    budget,
    logged,
    idle: () =>
      waitFor(() => budget.usedBytes === 0 && concurrency.count === 0, {
        deadlineMs: 5_000,
        what: "no call in flight",
      }),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Runs `test` with a client of a server, and closes both. */
export async function withServer(
  test: (rig: { readonly server: TestServer; readonly client: TestClient }) => Promise<void>,
  choices: ServerChoices = {},
): Promise<void> {
  await using server = await startServer(choices);
  using client = new TestClient(server.address);
  await test({ server, client });
}

export function memoryStore(): MemoryStore {
  return new MemoryStore({ clock, maxBytes: 256 * 1024 * 1024, tombstoneTtlMs: 0 });
}

/** A store whose reads wait for `release`. */
export function slowStore(): {
  readonly store: Store;
  /** Resolves when the first read has come. */
  readonly called: Promise<void>;
  readonly calls: () => number;
  readonly release: () => void;
} {
  const store = memoryStore();
  const gate = Promise.withResolvers<void>();
  const called = Promise.withResolvers<void>();
  let calls = 0;
  const { source, time } = store;
  return {
    store: {
      source,
      time,
      timeoutMs: 60_000,
      get: async (key) => {
        calls++;
        called.resolve();
        await gate.promise;
        return store.get(key);
      },
      getMany: (keys, options) => store.getMany(keys, options),
      write: (write) => store.write(write),
      scan: (namespace) => store.scan(namespace),
      status: () => store.status(),
      close: () => store.close(),
    },
    called: called.promise,
    calls: () => calls,
    release: () => gate.resolve(),
  };
}

/** What a call brought back. */
export interface Answer {
  readonly message: Record<string, unknown>;
  readonly headers: grpc.Metadata;
}

export interface CallOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
  readonly service?: string;
  /** Receives the call, to cancel it. */
  readonly started?: (call: grpc.ClientUnaryCall) => void;
}

const schema = new protobuf.Root();
for (const file of ["cache/v1/cache.proto", "grpc/health/v1/health.proto"]) {
  const url = new URL(`../../proto/${file}`, import.meta.url);
  protobuf.parse(Deno.readTextFileSync(url), schema, { keepCase: true });
}
schema.resolveAll();

/** A grpc-js client with a codec of its own, which also sends what no codec would. */
export class TestClient implements Disposable {
  readonly #client: grpc.Client;

  constructor(
    address: string,
    { credentials = grpc.credentials.createInsecure(), ...options }: grpc.ClientOptions & {
      readonly credentials?: grpc.ChannelCredentials;
    } = {},
  ) {
    this.#client = new grpc.Client(address, credentials, {
      "grpc.max_receive_message_length": -1,
      "grpc.use_local_subchannel_pool": 1,
      // The library stops no timer of its backoff, so they have to be short.
      "grpc.initial_reconnect_backoff_ms": 1,
      ...options,
    });
  }

  /** Rejects with a `grpc.ServiceError`; bytes are sent as they are. */
  call(name: string, request: object, options: CallOptions = {}): Promise<Answer> {
    const { path, serialize, deserialize } = rpc(options.service ?? "cache.v1.CacheService", name);
    const metadata = metadataOf(options.metadata);
    const deadline = options.deadlineMs === undefined ? Infinity : Date.now() + options.deadlineMs;
    return new Promise((resolve, reject) => {
      let headers = new grpc.Metadata();
      const call = this.#client.makeUnaryRequest(
        path,
        serialize,
        deserialize,
        request,
        metadata,
        { deadline },
        (error, message) =>
          error === null ? resolve({ message: message ?? {}, headers }) : reject(error),
      );
      call.on("metadata", (received) => headers = received);
      options.started?.(call);
    });
  }

  /** Follows the health of a service. */
  watch(service: string): grpc.ClientReadableStream<Record<string, unknown>> {
    const { path, serialize, deserialize } = rpc("grpc.health.v1.Health", "Watch");
    return this.#client.makeServerStreamRequest(path, serialize, deserialize, { service });
  }

  /** Whether a connection stands. */
  connected(): boolean {
    const state = this.#client.getChannel().getConnectivityState(false);
    return state === grpc.connectivityState.READY;
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** The error that `call` fails with; throws when it succeeds. */
export async function failureOf(call: Promise<unknown>): Promise<grpc.ServiceError> {
  try {
    await call;
  } catch (error) {
    return error as grpc.ServiceError;
  }
  throw new Error("the call succeeded");
}

/** The error code that a failure carries in its metadata. */
export function codeOf(error: grpc.ServiceError): unknown {
  return error.metadata.get("cache-error-code")[0];
}

function rpc(service: string, name: string): {
  readonly path: string;
  readonly serialize: (request: object) => Buffer;
  readonly deserialize: (bytes: Buffer) => Record<string, unknown>;
} {
  const { resolvedRequestType, resolvedResponseType } = schema.lookupService(service)
    .methods[name] as protobuf.Method;
  const request = resolvedRequestType as protobuf.Type;
  const response = resolvedResponseType as protobuf.Type;
  return {
    path: `/${service}/${name}`,
    serialize: (message) =>
      Buffer.from(message instanceof Uint8Array ? message : request.encode(message).finish()),
    deserialize: (bytes) => response.decode(bytes) as unknown as Record<string, unknown>,
  };
}

function metadataOf(entries: Readonly<Record<string, string>> = {}): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [key, value] of Object.entries(entries)) metadata.set(key, value);
  return metadata;
}

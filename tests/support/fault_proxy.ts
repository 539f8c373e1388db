import { once } from "node:events";
// Not Deno.connect: its writes cannot be cancelled while the peer reads nothing, and it cannot reset.
import net from "node:net";

const HOST = "127.0.0.1";
/** Read ahead by each way of a connection; sockets buffer some more. */
const MAX_BACKLOG_BYTES = 1024 * 1024;

export interface FaultProxyTarget {
  readonly host: string;
  readonly port: number;
}

export interface BlackholeOptions {
  /** Chooses among the connections now open; later ones pass. Without it all are meant. */
  readonly only?: (connection: ProxiedConnection) => boolean;
  /** Throws away what is sent meanwhile, and what is still held; by default `heal` delivers it. */
  readonly drop?: boolean;
}

type Blackhole = "hold" | "drop" | undefined;

/** One client's connection through the proxy. */
export interface ProxiedConnection {
  /** 0 for the first that the proxy accepted. */
  readonly index: number;
  readonly clientPort: number;
  /** Where the target sees it come from, as in Redis' CLIENT LIST; 0 until it is connected. */
  readonly upstreamPort: number;
}

class Connection implements ProxiedConnection {
  readonly index: number;
  readonly client: net.Socket;
  readonly clientPort: number;
  readonly upstream: net.Socket;
  /** Resolves when both sockets are gone. */
  readonly closed: Promise<unknown>;
  blackhole: Blackhole;

  constructor(
    index: number,
    options: { readonly client: net.Socket; readonly target: FaultProxyTarget },
  ) {
    this.index = index;
    this.client = options.client;
    this.clientPort = this.client.remotePort ?? 0;
    this.upstream = net.connect({ ...options.target, allowHalfOpen: true });
    this.closed = Promise.all([this.client, this.upstream].map((socket) => {
      socket.setNoDelay(true);
      ignoreErrors(socket);
      return new Promise((resolve) => socket.once("close", resolve));
    }));
  }

  get upstreamPort(): number {
    return this.upstream.localPort ?? 0;
  }

  get isDestroyed(): boolean {
    return this.client.destroyed && this.upstream.destroyed;
  }
}

/** A TCP proxy on 127.0.0.1 that misbehaves on demand. Get one from {@linkcode startFaultProxy}. */
export class FaultProxy implements AsyncDisposable {
  readonly #server: net.Server;
  readonly #open = new Map<Connection, Promise<void>>();
  #target: FaultProxyTarget;
  #accepted = 0;
  #delayMs = 0;
  #blackhole: Blackhole;
  #refuses = false;
  #change = Promise.withResolvers<void>();

  constructor(target: FaultProxyTarget) {
    this.#target = target;
    this.#server = net.createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  async listen(): Promise<void> {
    this.#server.listen({ host: HOST, port: 0 });
    await once(this.#server, "listening");
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the proxy is closed");
    return address.port;
  }

  /** `host:port`, as REDIS_ADDRESSES wants it. */
  get address(): string {
    return `${HOST}:${this.port}`;
  }

  /** How many connections are open on either side. */
  get connections(): number {
    return this.#open.size;
  }

  /** How many connections were ever accepted, refused ones included. */
  get accepted(): number {
    return this.#accepted;
  }

  /** From now on bytes arrive `ms` milliseconds after they were sent, either way. */
  delay(ms: number): void {
    this.#delayMs = ms;
    this.#announce();
  }

  /**
   * Keeps connections open and forwards nothing, not even their end. New ones are accepted and
   * treated alike, unless `only` chooses among the present ones.
   */
  blackhole({ only, drop = false }: BlackholeOptions = {}): void {
    const blackhole = drop ? "drop" : "hold";
    if (only === undefined) this.#blackhole = blackhole;
    for (const connection of this.#open.keys()) {
      if (only === undefined || only(connection)) connection.blackhole = blackhole;
    }
    this.#announce();
  }

  /** Ends the way to every client (FIN); what clients send still reaches the target. */
  halfClose(): void {
    for (const { client } of this.#open.keys()) client.end();
  }

  /** Resets every connection on both sides now (RST); does nothing to later ones. */
  cut(): void {
    for (const { client, upstream } of this.#open.keys()) {
      reset(client);
      reset(upstream);
    }
    this.#announce();
  }

  /** Closes new connections as soon as they are accepted; open ones go on. */
  refuse(): void {
    this.#refuses = true;
  }

  /** Ends all faults; what was held goes out at once. */
  heal(): void {
    this.#delayMs = 0;
    this.#blackhole = undefined;
    this.#refuses = false;
    for (const connection of this.#open.keys()) connection.blackhole = undefined;
    this.#announce();
  }

  /** Connects new clients to another server; open connections stay where they are. */
  retarget(target: FaultProxyTarget): void {
    this.#target = target;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.refuse();
    this.cut();
    await Promise.all([...this.#open.values(), closed]);
  }

  #accept(client: net.Socket): void {
    const index = this.#accepted++;
    if (this.#refuses) {
      ignoreErrors(client);
      client.destroy();
      return;
    }
    const connection = new Connection(index, { client, target: this.#target });
    connection.blackhole = this.#blackhole;
    this.#open.set(connection, this.#serve(connection));
  }

  async #serve(connection: Connection): Promise<void> {
    const { client, upstream } = connection;
    await Promise.all([
      this.#pump(connection, { from: client, to: upstream }),
      this.#pump(connection, { from: upstream, to: client }),
    ]);
    await connection.closed;
    this.#open.delete(connection);
  }

  /** Forwards one way until it ends; a reset ends the other way as well. */
  async #pump(
    connection: Connection,
    { from, to }: { readonly from: net.Socket; readonly to: net.Socket },
  ): Promise<void> {
    let backlogBytes = 0;
    let forwarded: Promise<void> = Promise.resolve();
    const forward = async (chunk: Uint8Array, readAtMs: number): Promise<void> => {
      if (await this.#mayPass(connection, readAtMs)) await write(to, chunk);
      backlogBytes -= chunk.length;
    };
    let isReset = false;
    try {
      for await (const chunk of from.iterator({ destroyOnReturn: false })) {
        const readAtMs = performance.now();
        backlogBytes += chunk.length;
        forwarded = forwarded.then(() => forward(chunk, readAtMs));
        if (backlogBytes >= MAX_BACKLOG_BYTES) await forwarded;
      }
    } catch {
      isReset = true;
    }
    const endedAtMs = performance.now();
    await forwarded;
    while (!await this.#mayPass(connection, endedAtMs) && !connection.isDestroyed) {
      await this.#changeWithin(Infinity);
    }
    if (isReset) reset(to);
    else to.end();
  }

  /** Waits until what was read at `readAtMs` is due; false when it is to be dropped. */
  async #mayPass(connection: Connection, readAtMs: number): Promise<boolean> {
    while (!connection.isDestroyed) {
      if (connection.blackhole === "drop") return false;
      const waitMs = connection.blackhole === "hold"
        ? Infinity
        : readAtMs + this.#delayMs - performance.now();
      if (waitMs <= 0) return true;
      await this.#changeWithin(waitMs);
    }
    return false;
  }

  /** Waits for a change of faults, `maxMs` at most. */
  async #changeWithin(maxMs: number): Promise<void> {
    const { promise: elapsed, resolve } = Promise.withResolvers<void>();
    const timer = maxMs === Infinity ? undefined : setTimeout(resolve, maxMs);
    await Promise.race([this.#change.promise, elapsed]);
    clearTimeout(timer);
  }

  #announce(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }
}

/** The loop that reads the socket meets its errors as well, and ends the connection. */
function ignoreErrors(socket: net.Socket): void {
  socket.on("error", () => {});
}

function reset(socket: net.Socket): void {
  // One that is still connecting would be reset only once it is connected.
  if (socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}

/** Settles when the bytes have gone out, or never can. */
function write(socket: net.Socket, bytes: Uint8Array): Promise<void> {
  if (!socket.writable) return Promise.resolve();
  return new Promise((resolve) => socket.write(bytes, () => resolve()));
}

/** Starts a proxy to `target` on a free port of 127.0.0.1; use it with `await using`. */
export async function startFaultProxy(
  options: { readonly target: FaultProxyTarget },
): Promise<FaultProxy> {
  const proxy = new FaultProxy(options.target);
  await proxy.listen();
  return proxy;
}

import { BindError } from "../core/bind_error.ts";
import type { Clock, Timer } from "../core/clock.ts";
import type { Logger } from "../core/telemetry.ts";
import type { RestApp } from "./rest_app.ts";

/** A bound REST server. */
export interface RestServer {
  /** The port that is bound, also where 0 was asked for. */
  readonly port: number;
  /** Takes no new connections, closes idle ones and resolves when the rest have their answers. */
  shutdown(): Promise<void>;
  /**
   * Closes every connection at once, answered or not. After `shutdown` it closes none: what is
   * still in flight then ends with the process.
   */
  abort(): Promise<void>;
}

/** Where to listen, and what it takes to stay there. */
export interface RestServerOptions {
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How long it does not accept after accepting failed, for want of file descriptors mostly. */
const PAUSE_MS = 200;
/** How long nothing must be in flight for the end not to wait for what connections are left. */
const QUIET_MS = 100;

/** Binds the port, or throws `Deno.errors.AddrInUse` or a `BindError`. */
export function startRestServer(app: RestApp, options: RestServerOptions): RestServer {
  return new ListeningServer(app, options);
}

class ListeningServer implements RestServer {
  readonly port: number;
  readonly #app: RestApp;
  readonly #options: RestServerOptions;
  /** Of the last server: to abort one that has failed would throw, uncaught. */
  #aborting = new AbortController();
  #server: Deno.HttpServer<Deno.NetAddr>;
  #isEnding = false;
  #timer: Timer | undefined;

  constructor(app: RestApp, options: RestServerOptions) {
    this.#app = app;
    this.#options = options;
    try {
      this.#server = this.#listen(options.port);
    } catch (error) {
      throw bindFailure(error, options);
    }
    this.port = this.#server.addr.port;
  }

  async shutdown(): Promise<void> {
    this.#isEnding = true;
    this.#timer?.cancel();
    const closed = this.#server.shutdown().catch(() => {});
    // A connection whose body was refused, and never comes, would hold this up.
    await Promise.race([closed, this.#quiet()]);
    this.#timer?.cancel();
    // Of a server that failed to accept, connections are left that the last one does not know.
    await this.#app.idle();
    this.#app.close();
  }

  async abort(): Promise<void> {
    this.#timer?.cancel();
    this.#app.close();
    // Deno lets go of a server as its shutdown starts; to abort it then throws, uncaught.
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#aborting.abort();
    await this.#server.finished.catch(() => {});
  }

  #listen(port: number): Deno.HttpServer<Deno.NetAddr> {
    this.#aborting = new AbortController();
    const server = Deno.serve({
      hostname: this.#options.host,
      port,
      signal: this.#aborting.signal,
      onListen: () => {},
    }, (request) => this.#app.fetch(request));
    server.finished.catch((error) => this.#resume(error));
    return server;
  }

  /** Listens again after a pause; connections that are open are served all the while. */
  #resume(error: unknown): void {
    if (this.#isEnding) return;
    this.#options.logger.error("REST cannot accept connections; it tries again.", {
      error: error instanceof Error ? error.message : String(error),
    });
    this.#timer = this.#options.clock.setTimer(() => {
      try {
        this.#server = this.#listen(this.port);
      } catch (error) {
        this.#resume(error);
      }
    }, PAUSE_MS);
  }

  /** Resolves when nothing has been in flight for a while. */
  async #quiet(): Promise<void> {
    do {
      await this.#app.idle();
      await new Promise<void>((resolve) => {
        this.#timer = this.#options.clock.setTimer(resolve, QUIET_MS);
      });
    } while (!this.#app.isIdle);
  }
}

function bindFailure(error: unknown, { host, port }: RestServerOptions): Error {
  const what = `REST cannot listen on ${host}:${port}`;
  if (error instanceof Deno.errors.AddrInUse) {
    return new Deno.errors.AddrInUse(`${what}: it is in use.`);
  }
  const reason = error instanceof Error ? error.message : String(error);
  return new BindError(`${what}: ${reason}`, { cause: error });
}

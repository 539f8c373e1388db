import type { RestApp } from "./rest_app.ts";

/** A bound REST server. */
export interface RestServer {
  /** The port that is bound, also where 0 was asked for. */
  readonly port: number;
  /** Takes no new connections, closes idle ones and resolves when the rest have their answers. */
  shutdown(): Promise<void>;
  /**
   * Closes every connection at once, answered or not. After `shutdown` it does nothing: what is
   * still in flight then ends with the process.
   */
  abort(): Promise<void>;
}

/** Binds the port, or throws `Deno.errors.AddrInUse`. */
export function startRestServer(
  app: RestApp,
  options: { readonly host: string; readonly port: number },
): RestServer {
  const aborting = new AbortController();
  let shuttingDown = false;
  const server = Deno.serve({
    hostname: options.host,
    port: options.port,
    signal: aborting.signal,
    onListen: () => {},
  }, (request) => app.fetch(request));
  return {
    port: server.addr.port,
    shutdown: () => {
      shuttingDown = true;
      return server.shutdown();
    },
    abort: async () => {
      // Deno lets go of a server as its shutdown starts; to abort it then throws, uncaught.
      if (shuttingDown) return;
      aborting.abort();
      await server.finished;
    },
  };
}

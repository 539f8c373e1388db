import net from "node:net";
import type { Clock, Timer } from "../core/clock.ts";

/** What a watch watches, and does. */
export interface ListenerWatchOptions {
  /** Where the server listens. */
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  /** Called when the server has accepted nothing twice in a row; the watch goes on. */
  readonly onDeaf: () => void;
}

const LOOK_EVERY_MS = 2000;
/** How long a connection may wait to be accepted. */
const ACCEPT_MS = 500;
/** One miss may be a process that was stopped for a while. */
const MISSES = 2;

/**
 * Sees that a server still accepts connections. In Deno 2.9.3 a server of `node:net` that cannot
 * accept one, for want of file descriptors, says nothing and never accepts again. So where no client
 * has come for a while, the watch is one. It judges only a server that has told of a connection
 * before: `node:http` of Deno 2.6 tells of none.
 */
export class ListenerWatch {
  readonly #server: net.Server;
  readonly #options: ListenerWatchOptions;
  readonly #onConnection = (): void => void this.#accepted++;
  #accepted = 0;
  #misses = 0;
  #timer: Timer | undefined;
  #probe: net.Socket | undefined;

  constructor(server: net.Server, options: ListenerWatchOptions) {
    this.#server = server;
    this.#options = options;
    server.on("connection", this.#onConnection);
    this.#schedule();
  }

  close(): void {
    this.#server.off("connection", this.#onConnection);
    this.#timer?.cancel();
    this.#probe?.destroy();
  }

  #schedule(): void {
    const before = this.#accepted;
    this.#timer = this.#options.clock.setTimer(() => {
      if (this.#accepted === before) this.#look(before);
      else this.#schedule();
    }, LOOK_EVERY_MS);
  }

  #look(before: number): void {
    const { host, port, clock, onDeaf } = this.#options;
    let isClosed = false;
    const probe = net.connect({ host: loopbackOf(host), port });
    probe.on("error", () => {});
    // A server with as many connections as it may have closes those that come.
    probe.on("end", () => isClosed = true);
    this.#probe = probe;
    this.#timer = clock.setTimer(() => {
      probe.destroy();
      const isHeard = isClosed || this.#accepted !== before || this.#accepted === 0;
      this.#misses = isHeard ? 0 : this.#misses + 1;
      if (this.#misses >= MISSES) onDeaf();
      this.#schedule();
    }, ACCEPT_MS);
  }
}

function loopbackOf(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}

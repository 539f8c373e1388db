import type { Lifecycle } from "../core/lifecycle.ts";
import {
  _grpc_health_v1_HealthCheckResponse_ServingStatus as ServingStatus,
  type _grpc_health_v1_HealthCheckResponse_ServingStatus__Output as Status,
} from "./generated/grpc/health/v1/HealthCheckResponse.ts";

/** The whole process, and its one service. */
const SERVICES: ReadonlySet<string> = new Set(["", "cache.v1.CacheService"]);

/** One who follows the status of a service. */
export interface HealthWatcher {
  send(status: Status): void;
  /** Called once when the server stops. */
  end(): void;
}

/** `grpc.health.v1.Health` over the phase of the process: it serves, or it starts or drains. */
export class HealthService {
  readonly #lifecycle: Lifecycle;
  readonly #maxWatchers: number;
  readonly #watchers = new Map<HealthWatcher, () => void>();
  #closed = false;

  constructor(options: { readonly lifecycle: Lifecycle; readonly maxWatchers: number }) {
    this.#lifecycle = options.lifecycle;
    this.#maxWatchers = options.maxWatchers;
  }

  /** `SERVICE_UNKNOWN` for a service that is not here. */
  status(service: string): Status {
    if (!SERVICES.has(service)) return ServingStatus.SERVICE_UNKNOWN;
    return this.#lifecycle.phase === "serving" ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  }

  /**
   * Sends the status at once and at every change, until the returned function is called. Returns
   * nothing, and sends nothing, where there are too many watchers already.
   */
  watch(service: string, watcher: HealthWatcher): (() => void) | undefined {
    if (this.#watchers.size >= this.#maxWatchers) return undefined;
    let sent = this.status(service);
    watcher.send(sent);
    if (this.#closed) {
      watcher.end();
      return () => {};
    }
    const unsubscribe = this.#lifecycle.onChange(() => {
      const status = this.status(service);
      if (status !== sent) watcher.send(sent = status);
    });
    const stop = (): void => {
      unsubscribe();
      this.#watchers.delete(watcher);
    };
    this.#watchers.set(watcher, stop);
    return stop;
  }

  /** Ends all watchers, now and those to come. */
  close(): void {
    this.#closed = true;
    for (const [watcher, stop] of this.#watchers) {
      stop();
      watcher.end();
    }
  }
}

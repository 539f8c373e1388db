import type {
  EventHandler,
  InvalidationBus,
  InvalidationEvent,
  Subscription,
} from "../core/bus.ts";

/** Where the buses of one process meet. */
export class MemoryHub {
  readonly #handlers: Readonly<Record<Subscription, Set<EventHandler>>> = {
    shared: new Set(),
    private: new Set(),
  };

  join(subscription: Subscription, handler: EventHandler): void {
    this.#handlers[subscription].add(handler);
  }

  leave(subscription: Subscription, handler: EventHandler): void {
    this.#handlers[subscription].delete(handler);
  }

  /** Brings an event to one shared subscriber and to every private one. */
  async deliver(event: InvalidationEvent): Promise<void> {
    const [shared] = this.#handlers.shared;
    await shared?.(event);
    await Promise.all([...this.#handlers.private].map((handler) => handler(event)));
  }
}

/**
 * The bus without a broker: publishing carries the event out at once, and rejects with what its
 * handlers reject with. Replicas of several processes do not hear each other.
 */
export class MemoryBus implements InvalidationBus {
  readonly #hub: MemoryHub;
  #isClosed = false;
  readonly #joined: (readonly [Subscription, EventHandler])[] = [];

  constructor(hub: MemoryHub = new MemoryHub()) {
    this.#hub = hub;
  }

  status(): "disabled" {
    return "disabled";
  }

  subscribe(subscription: Subscription, handler: EventHandler): void {
    if (this.#isClosed) return;
    this.#hub.join(subscription, handler);
    this.#joined.push([subscription, handler]);
  }

  publish(event: InvalidationEvent): Promise<void> {
    return this.#hub.deliver(event);
  }

  close(): Promise<void> {
    this.#isClosed = true;
    for (const [subscription, handler] of this.#joined) this.#hub.leave(subscription, handler);
    return Promise.resolve();
  }
}

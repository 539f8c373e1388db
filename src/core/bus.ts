import type { ConnectionStatus } from "./store.ts";

/** What another service, or this one, says about entries whose origin has changed. */
export interface InvalidationEvent {
  readonly namespace: string;
  /** Each once. */
  readonly keys: readonly string[];
  /** `delete`: the values are gone; `update`: they are others now. */
  readonly action: "delete" | "update";
  /**
   * Unix milliseconds by which events and writes are ordered; the last one of its second where the
   * publisher told whole seconds.
   */
  readonly atMs: number;
  /** The new values of some or all of `keys`; empty for a delete. */
  readonly values: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  /** Of the values: whole seconds; absent or 0 for the default. */
  readonly ttlSeconds: number | undefined;
}

/**
 * `shared`: each event comes to one of all replicas, at least once, also one that was published while
 * none ran. `private`: each event comes to every replica that runs.
 */
export type Subscription = "shared" | "private";

/** What goes with an event for those who follow it on its way, such as `traceparent`. */
export type EventHeaders = Readonly<Record<string, string>>;

/**
 * Carries out an event. Rejects with a store outage while the store is away: the bus then pauses and
 * brings the event again. Any other rejection means that this event can never be carried out.
 */
export type EventHandler = (event: InvalidationEvent) => Promise<void>;

/**
 * Carries invalidation events. It connects, and connects again, by itself and without end; it drops
 * nothing that the broker has confirmed. Delivery is at least once and in no certain order.
 */
export interface InvalidationBus {
  status(): ConnectionStatus;
  /**
   * Brings events to `handler` from now on; at most once for each kind of subscription. After the bus
   * was closed this does nothing.
   */
  subscribe(subscription: Subscription, handler: EventHandler): void;
  /** Resolves when the broker has the event; rejects with `broker_unavailable`. */
  publish(event: InvalidationEvent, headers?: EventHeaders): Promise<void>;
  /** Takes no more events, finishes and acknowledges those it has taken, and disconnects. */
  close(): Promise<void>;
}

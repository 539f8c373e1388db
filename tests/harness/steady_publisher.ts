import type { EventBroker, EventPeer } from "./event_brokers.ts";

const TICK_MS = 20;
/** After this time without a word of the broker a message is sent again. */
const CONFIRM_TIMEOUT_MS = 5_000;
const PAUSE_MS = 200;

/**
 * A service that publishes at a steady rate and sends again what the broker has not confirmed: at
 * least once, whatever becomes of the broker.
 */
export class SteadyPublisher implements AsyncDisposable {
  readonly #broker: EventBroker;
  readonly #topic: string;
  #peer: Promise<EventPeer>;

  constructor(broker: EventBroker, topic: string) {
    this.#broker = broker;
    this.#topic = topic;
    this.#peer = broker.open(topic);
  }

  /** Publishes all messages, `perSecond` of them; resolves when the broker has confirmed each. */
  async publish(
    messages: readonly Uint8Array[],
    { perSecond }: { readonly perSecond: number },
  ): Promise<void> {
    const startedAtMs = performance.now();
    const confirmed: Promise<void>[] = [];
    for (let sent = 0; sent < messages.length;) {
      const elapsedMs = performance.now() - startedAtMs;
      const due = Math.min(messages.length, Math.floor(elapsedMs / 1000 * perSecond));
      if (due > sent) confirmed.push(this.#publishSurely(messages.slice(sent, due)));
      sent = due;
      await pause(TICK_MS);
    }
    await Promise.all(confirmed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await forget(this.#peer);
  }

  async #publishSurely(messages: readonly Uint8Array[]): Promise<void> {
    for (;;) {
      const peer = this.#peer;
      try {
        return await confirmedInTime(peer.then((it) => it.publish(...messages)));
      } catch {
        this.#replace(peer);
      }
    }
  }

  /** Opens another connection, soon, instead of `failed`, unless that has been done. */
  #replace(failed: Promise<EventPeer>): void {
    if (this.#peer !== failed) return;
    this.#peer = Promise.all([pause(PAUSE_MS), forget(failed)])
      .then(() => this.#broker.open(this.#topic));
    // What waits for it meets the failure and tries again.
    this.#peer.catch(() => {});
  }
}

async function forget(peer: Promise<EventPeer>): Promise<void> {
  try {
    await (await peer)[Symbol.asyncDispose]();
  } catch {
    // There was no connection any more.
  }
}

async function confirmedInTime(work: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error("not confirmed")), CONFIRM_TIMEOUT_MS);
  try {
    await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

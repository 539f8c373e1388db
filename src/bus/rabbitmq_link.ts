import {
  type Channel,
  type ChannelModel,
  type ConfirmChannel,
  connect,
  credentials,
} from "amqplib";
import type { Clock } from "../core/clock.ts";
import type { RabbitmqAddress } from "./rabbitmq_address.ts";
import { settlesWithin } from "../core/settles_within.ts";

/** Time for the handshakes of TCP, TLS and AMQP, by silence. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Time for the broker to agree to the end of a connection. */
const CLOSE_TIMEOUT_MS = 1000;

export interface RabbitmqLinkOptions {
  readonly address: RabbitmqAddress;
  /** PEM of the authority that signed the broker's certificate; else those of the system. */
  readonly ca: string | undefined;
  readonly clock: Clock;
  /** Cuts the connection, also while it is being made. */
  readonly cut: AbortController;
}

/**
 * One connection. What goes wrong with it, or with any of its channels, ends it as a whole: to start
 * anew is the one way back that always works. The client's own recovery brings back connections
 * only, no channels and consumers, by timers of its own.
 */
export class RabbitmqLink {
  /** Resolves with the reason when the connection is of no use any more. */
  readonly ended: Promise<unknown>;
  readonly fail: (reason: unknown) => void;
  readonly #model: ChannelModel;
  readonly #options: RabbitmqLinkOptions;

  private constructor(model: ChannelModel, options: RabbitmqLinkOptions) {
    this.#model = model;
    this.#options = options;
    ({ promise: this.ended, resolve: this.fail } = Promise.withResolvers());
    model.on("error", this.fail);
    model.on("close", (error) => this.fail(error ?? new Error("The connection was closed.")));
  }

  static async open(options: RabbitmqLinkOptions): Promise<RabbitmqLink> {
    const { address: { endpoint, username, password }, ca, cut } = options;
    const socketOptions = {
      credentials: credentials.plain(username, password.reveal()),
      timeout: CONNECT_TIMEOUT_MS,
      noDelay: true,
      signal: cut.signal,
      ...(ca === undefined ? {} : { ca }),
    };
    return new RabbitmqLink(await connect(endpoint, socketOptions), options);
  }

  async channel(): Promise<Channel> {
    return this.#watched(await this.#model.createChannel());
  }

  async confirmChannel(): Promise<ConfirmChannel> {
    return this.#watched(await this.#model.createConfirmChannel());
  }

  /** Never rejects. */
  async close(): Promise<void> {
    const { clock, cut } = this.#options;
    await settlesWithin(this.#model.close(), { ms: CLOSE_TIMEOUT_MS, clock });
    // The client leaves the socket of a broker that has stopped answering open.
    cut.abort();
    this.fail(new Error("The connection was closed."));
  }

  #watched<T extends Channel>(channel: T): T {
    channel.on("error", this.fail);
    channel.on("close", () => this.fail(new Error("A channel was closed.")));
    return channel;
  }
}

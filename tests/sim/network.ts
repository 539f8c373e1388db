import type { Dice } from "./dice.ts";
import type { VirtualTime } from "./virtual_time.ts";

/** How long messages travel. */
export interface Weather {
  /** Most messages take up to twice this. */
  readonly delayMs: number;
  readonly spikeChance: number;
  readonly spikeMs: number;
}

/** What all connections of a world share. */
export class Network {
  readonly time: VirtualTime;
  readonly dice: Dice;
  weather: Weather;
  /** Until this time every message takes up to `slowMs` longer. */
  slowUntilMs = 0;
  slowMs = 0;

  constructor(time: VirtualTime, options: { readonly dice: Dice; readonly weather: Weather }) {
    this.time = time;
    this.dice = options.dice;
    this.weather = options.weather;
  }

  delayMs(): number {
    const { delayMs, spikeChance, spikeMs } = this.weather;
    let delay = this.dice.unit() * 2 * delayMs;
    if (this.dice.chance(spikeChance)) delay += this.dice.unit() * spikeMs;
    if (this.time.nowMs < this.slowUntilMs) delay += this.dice.unit() * this.slowMs;
    return delay;
  }
}

/** One direction of a connection: delivers in order, each message after a delay. */
class Pipe<Message> {
  readonly #network: Network;
  readonly #deliver: (message: Message) => void;
  #queue: { readonly message: Message; readonly dueMs: number }[] = [];
  #lastDueMs = 0;
  #isArmed = false;
  #stalledUntilMs = 0;

  constructor(network: Network, deliver: (message: Message) => void) {
    this.#network = network;
    this.#deliver = deliver;
  }

  send(message: Message): void {
    const { time } = this.#network;
    this.#lastDueMs = Math.max(this.#lastDueMs, time.nowMs + this.#network.delayMs());
    this.#queue.push({ message, dueMs: this.#lastDueMs });
    this.#arm();
  }

  /** Holds everything back until `untilMs`; for ever if that is Infinity. */
  stall(untilMs: number): void {
    this.#stalledUntilMs = Math.max(this.#stalledUntilMs, untilMs);
  }

  /** Loses all but a first part of what is under way. */
  truncate(): void {
    this.#queue.length = this.#network.dice.below(this.#queue.length + 1);
  }

  #arm(): void {
    const first = this.#queue[0];
    if (this.#isArmed || first === undefined) return;
    const dueMs = Math.max(first.dueMs, this.#stalledUntilMs);
    if (dueMs === Infinity) return;
    this.#isArmed = true;
    this.#network.time.at(dueMs, () => {
      this.#isArmed = false;
      const head = this.#queue[0];
      if (head === undefined) return;
      if (Math.max(head.dueMs, this.#stalledUntilMs) > this.#network.time.nowMs) return this.#arm();
      this.#queue.shift();
      this.#deliver(head.message);
      this.#arm();
    });
  }
}

/** The two ends that a connection connects; `undefined` is the end of the stream. */
export interface Ends<Up, Down> {
  toServer(message: Up | undefined): void;
  toClient(message: Down | undefined): void;
}

export type Direction = "up" | "down" | "both";

/** A TCP connection. */
export class Link<Up, Down> {
  readonly #up: Pipe<Up | undefined>;
  readonly #down: Pipe<Down | undefined>;

  constructor(network: Network, ends: Ends<Up, Down>) {
    this.#up = new Pipe(network, ends.toServer);
    this.#down = new Pipe(network, ends.toClient);
  }

  toServer(message: Up): void {
    this.#up.send(message);
  }

  toClient(message: Down): void {
    this.#down.send(message);
  }

  /** The client's end closes; what it has sent still arrives. */
  endByClient(): void {
    this.#up.send(undefined);
  }

  /** The server's end closes, by the end of its process or by CLIENT KILL. */
  endByServer(): void {
    this.#up.truncate();
    this.#down.send(undefined);
  }

  /** Something in between resets the connection; both ends hear of it. */
  cut(): void {
    this.#up.truncate();
    this.#down.truncate();
    this.#up.send(undefined);
    this.#down.send(undefined);
  }

  stall(direction: Direction, untilMs: number): void {
    if (direction !== "down") this.#up.stall(untilMs);
    if (direction !== "up") this.#down.stall(untilMs);
  }
}

import { EventEmitter } from "node:events";
import type { Redis } from "ioredis";
import type { Timer } from "../../src/core/clock.ts";
import { at, type Dice } from "./dice.ts";
import type { Network } from "./network.ts";
import type { SimProcess } from "./sim_process.ts";
import type { SimLink, SimMessage, SimRedis } from "./sim_redis.ts";

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Milliseconds that a connection given up may take to close, as the real client is configured. */
const DISCONNECT_TIMEOUT_MS = 100;
const DIAL_TIMEOUT_MS = 1000;

export interface SimClientParts {
  readonly redis: SimRedis;
  readonly network: Network;
  readonly process: SimProcess;
  readonly dice: Dice;
  readonly wire: Wire;
}

/** The cable of one replica. */
export interface Wire {
  /** Until this time nothing passes. */
  pulledUntilMs: number;
}

/**
 * Stands in for a connection of ioredis: the part of it that the store uses, over a simulated
 * network. As configured by the store it has no queue, sends nothing twice and reconnects for ever.
 */
export class SimClient extends EventEmitter {
  readonly options = { host: "redis", port: 6379 };
  status: "connecting" | "connect" | "ready" | "close" | "reconnecting" | "end" = "connecting";
  readonly #parts: SimClientParts;
  #link: SimLink | undefined;
  #pending: Pending[] = [];
  #isEnding = false;
  /** No other connection follows this one. */
  #isLast = false;
  #attempts = 0;
  #timer: Timer | undefined;

  constructor(parts: SimClientParts) {
    super();
    this.#parts = parts;
    this.#connect();
  }

  /** This as what the store takes it for. */
  get asRedis(): Redis {
    return this as unknown as Redis;
  }

  /** The connection under it, for faults. */
  get link(): SimLink | undefined {
    return this.#link;
  }

  getBuffer(key: string): Promise<unknown> {
    return this.#send("get", [key]);
  }

  getrangeBuffer(key: string, from: number, to: number): Promise<unknown> {
    return this.#send("getrange", [key, from, to]);
  }

  evalshaBuffer(...args: unknown[]): Promise<unknown> {
    return this.#send("evalsha", args);
  }

  time(): Promise<unknown> {
    return this.#send("time", []);
  }

  ping(): Promise<unknown> {
    return this.#send("ping", []);
  }

  info(section: string): Promise<unknown> {
    return this.#send("info", [section]);
  }

  client(subcommand: string): Promise<unknown> {
    return this.#send("client", [subcommand]);
  }

  subscribe(channel: string): Promise<unknown> {
    return this.#send("subscribe", [channel]);
  }

  sendCommand({ name, args }: { name: string; args: unknown[] }): Promise<unknown> {
    return this.#send(name, args);
  }

  /** Gives the connection up. It closes a little later; until then replies still come. */
  disconnect(reconnect = false): void {
    this.#isLast ||= !reconnect;
    if (this.#link === undefined || this.#isEnding) return;
    this.#isEnding = true;
    this.#link.endByClient();
    const link = this.#link;
    const { process, dice } = this.#parts;
    process.setTimer(() => this.#closed(link), dice.unit() * DISCONNECT_TIMEOUT_MS);
  }

  #send(name: string, args: readonly unknown[]): Promise<unknown> {
    if (this.status !== "ready" || this.#isEnding) {
      return Promise.reject(new Error("Stream isn't writeable and enableOfflineQueue is false"));
    }
    return this.#write(name, args);
  }

  #write(name: string, args: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ resolve, reject });
      this.#link?.toServer({ name, args });
    });
  }

  #connect(): void {
    if (this.#isLast) return;
    const { redis, process, wire } = this.#parts;
    this.status = "connecting";
    this.#isEnding = false;
    const link: SimLink = redis.open((message) =>
      process.run(() => {
        if (link === this.#link) this.#received(link, message);
      })
    );
    this.#link = link;
    link.stall("both", wire.pulledUntilMs);
    link.toServer({ name: "syn", args: [] });
    this.#timer = process.setTimer(() => this.#closed(link), DIAL_TIMEOUT_MS);
  }

  #received(link: SimLink, message: SimMessage | undefined): void {
    switch (message?.kind) {
      case undefined:
      case "refused":
        return this.#closed(link);
      case "accepted":
        return this.#connected(link);
      case "reply":
        return this.#next().resolve(message.value);
      case "error": {
        const error = new Error(message.message);
        error.name = "ReplyError";
        return this.#next().reject(error);
      }
      case "invalidated":
        this.emit("messageBuffer", "__redis__:invalidate", message.keys);
    }
  }

  #next(): Pending {
    const pending = at(this.#pending, 0);
    this.#pending.shift();
    return pending;
  }

  #connected(link: SimLink): void {
    this.#timer?.cancel();
    this.status = "connect";
    this.emit("connect");
    this.#write("info", ["server"]).then(() => {
      if (link !== this.#link) return;
      this.status = "ready";
      this.#attempts = 0;
      this.emit("ready");
    }, () => {});
  }

  #closed(link: SimLink): void {
    if (link !== this.#link) return;
    if (!this.#isEnding) link.endByClient();
    this.#timer?.cancel();
    this.#link = undefined;
    this.status = "close";
    const lost = this.#pending;
    this.#pending = [];
    for (const { reject } of lost) reject(new Error("Connection is closed."));
    this.emit("close");
    if (this.#isLast) {
      this.status = "end";
      return void this.emit("end");
    }
    this.status = "reconnecting";
    const { process, dice } = this.#parts;
    const ceilingMs = Math.min(500, 50 * 2 ** Math.min(++this.#attempts, 10));
    process.setTimer(() => this.#connect(), ceilingMs / 2 * (1 + dice.unit()));
  }
}

import { EventEmitter } from "node:events";
import type { Redis } from "ioredis";

/** A command that a test has given no answer to is never answered. */
type Answers = Readonly<Record<string, unknown>>;

/** Stands in for a connection of ioredis: the test says what happens to it and what it answers. */
export class FakeConnection extends EventEmitter {
  readonly options = { host: "redis", port: 6379 };
  status = "connecting";
  /** Of each call of `disconnect`, whether another connection was to follow. */
  readonly disconnects: boolean[] = [];
  readonly #answers: Answers;

  /** `answers` by the first words of a command, such as `info` or `client ID`. */
  constructor(answers: Answers = {}) {
    super();
    this.#answers = answers;
  }

  /** This as what the store takes it for. */
  get asRedis(): Redis {
    return this as unknown as Redis;
  }

  /** Takes on a status, and says so where ioredis does. */
  become(status: "connect" | "ready" | "close" | "reconnecting" | "end"): void {
    this.status = status;
    this.emit(status);
  }

  /** Closes at once. Like ioredis it emits nothing where it was not connected. */
  disconnect(reconnect = false): void {
    this.disconnects.push(reconnect);
    if (this.status !== "connect" && this.status !== "ready") return;
    this.become("close");
    this.become(reconnect ? "reconnecting" : "end");
  }

  info(): Promise<unknown> {
    return this.#answer("info");
  }

  ping(): Promise<unknown> {
    return this.#answer("ping");
  }

  client(subcommand: string): Promise<unknown> {
    return this.#answer(`client ${subcommand}`);
  }

  subscribe(): Promise<unknown> {
    return this.#answer("subscribe");
  }

  sendCommand({ name }: { readonly name: string }): Promise<unknown> {
    return this.#answer(name);
  }

  #answer(command: string): Promise<unknown> {
    return command in this.#answers
      ? Promise.resolve(this.#answers[command])
      : new Promise(() => {});
  }
}

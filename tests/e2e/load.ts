import assert from "node:assert/strict";
import type { CacheDriver } from "../support/cache_driver.ts";
import {
  endsConnection,
  type HttpAnswer,
  HttpConnection,
  type HttpRequest,
  jsonOf,
} from "./http_connection.ts";

const MOST_FAILURES_TOLD = 20;

/** Counts what a load does, and keeps the first failures. */
export class Tally {
  requests = 0;
  failed = 0;
  readonly failures: string[] = [];

  /** Repeats `step` until `until` says so; a step that throws is a failed request. */
  async repeat(step: () => Promise<void>, until: () => boolean): Promise<void> {
    while (!until()) {
      try {
        await step();
      } catch (error) {
        this.failed++;
        if (this.failures.length < MOST_FAILURES_TOLD) this.failures.push(`${error}`);
        // A load that fails must not starve the program that it looks for.
        await new Promise((resolve) => setTimeout(resolve, 10));
      } finally {
        this.requests++;
      }
    }
  }
}

/** Sends one REST request and gives the answer. */
export type Send = (method: string, path: string, request?: HttpRequest) => Promise<HttpAnswer>;

/** One client's requests over REST, one a call; throws where an answer is not the right one. */
export function restSteps(
  send: Send,
  { client }: { readonly client: string },
): () => Promise<void> {
  const cycle = new Cycle(client);
  const entry = (): string => `/api/v1/cache/load/${cycle.key}`;
  return cycle.steps({
    async write(value): Promise<void> {
      const { status } = await send("PUT", `${entry()}?ttl_seconds=60`, {
        headers: { "Content-Type": "application/octet-stream" },
        body: value,
      });
      assert.equal(status, 200);
    },
    async read(): Promise<Uint8Array | undefined> {
      const answer = await send("GET", entry());
      if (answer.status === 404) assert.equal(jsonOf(answer).found, false);
      else assert.equal(answer.status, 200);
      return answer.status === 404 ? undefined : Uint8Array.fromBase64(jsonOf(answer).value);
    },
    async remove(): Promise<void> {
      assert.equal((await send("DELETE", entry())).status, 200);
    },
  });
}

/** One client's requests by a driver. */
export function driverSteps(
  driver: () => CacheDriver,
  { client }: { readonly client: string },
): () => Promise<void> {
  const namespace = "load";
  const cycle = new Cycle(client);
  return cycle.steps({
    async write(value): Promise<void> {
      await driver().set({ namespace, key: cycle.key, value }, { ttlSeconds: 60 });
    },
    async read(): Promise<Uint8Array | undefined> {
      const read = await driver().get(namespace, cycle.key);
      return read.found ? read.value : undefined;
    },
    async remove(): Promise<void> {
      await driver().delete(namespace, cycle.key);
    },
  });
}

interface Operations {
  write(value: Uint8Array): Promise<void>;
  read(): Promise<Uint8Array | undefined>;
  remove(): Promise<void>;
}

const KEYS = 20;
const VALUE_BYTES = 1024;

/** Write, read, read, now and then delete: keys of one client, whose values tell the key. */
class Cycle {
  readonly #client: string;
  #round = 0;

  constructor(client: string) {
    this.#client = client;
  }

  get key(): string {
    return `${this.#client}-${this.#round % KEYS}`;
  }

  steps({ write, read, remove }: Operations): () => Promise<void> {
    let step = 0;
    return async () => {
      const turn = step++ % 4;
      if (turn === 0) return await write(this.#value());
      if (turn < 3) return this.#check(await read());
      const isLast = this.#round % 5 === 4;
      if (isLast) await remove();
      else this.#check(await read());
      this.#round++;
    };
  }

  #value(): Uint8Array {
    return new Uint8Array(VALUE_BYTES).fill(this.#round % KEYS);
  }

  /** A miss is right: behind a balancer the write may have gone to another process. */
  #check(value: Uint8Array | undefined): void {
    if (value === undefined) return;
    assert.deepEqual(new Uint8Array(value), this.#value(), "a value that was never written here");
  }
}

/** A client that keeps its connection for as long as the service does. */
export class KeepAliveClient implements Disposable {
  readonly #port: number;
  #connection: HttpConnection | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  readonly send: Send = async (method, path, request = {}) => {
    const connection = this.#connection ?? await HttpConnection.open(this.#port);
    this.#connection = undefined;
    try {
      const answer = await connection.exchange(method, path, request);
      if (endsConnection(answer)) connection[Symbol.dispose]();
      else this.#connection = connection;
      return answer;
    } catch (error) {
      connection[Symbol.dispose]();
      throw error;
    }
  };

  [Symbol.dispose](): void {
    this.#connection?.[Symbol.dispose]();
  }
}

import { Cluster, type Redis } from "ioredis";
import { keySlot, SLOTS } from "./key_slot.ts";
import { addressOf, type RedisClient } from "./redis_clients.ts";

/** A node that serves one slot in a thousand is found with near certainty. */
const MAX_KEY_ATTEMPTS = 10_000;

/** Finds the connection that serves a key. */
export class RedisRouter {
  readonly #client: RedisClient;
  /** A Cluster's connections by address. */
  readonly #nodes = new Map<string, Redis>();

  constructor(client: RedisClient) {
    this.#client = client;
    client.on("+node", (node: Redis) => this.#nodes.set(addressOf(node), node));
    client.on("-node", (node: Redis) => {
      if (this.#nodes.get(addressOf(node)) === node) this.#nodes.delete(addressOf(node));
    });
  }

  /** The connection to the server that holds `key`; nothing while none is known. */
  connectionFor(key: string): Redis | undefined {
    if (!(this.#client instanceof Cluster)) return this.#client;
    const owner = this.#client.slots[keySlot(key)]?.[0];
    return owner === undefined ? undefined : this.#nodes.get(owner);
  }

  /** A connection to each server that holds keys; nothing while one of them is not known. */
  connections(): ReadonlySet<Redis> | undefined {
    if (!(this.#client instanceof Cluster)) return new Set([this.#client]);
    const connections = new Set<Redis>();
    for (let slot = 0; slot < SLOTS; slot++) {
      const owner = this.#client.slots[slot]?.[0];
      const connection = owner === undefined ? undefined : this.#nodes.get(owner);
      if (connection === undefined) return undefined;
      connections.add(connection);
    }
    return connections;
  }

  /** The connection to `address`, which a redirection named; nothing where it is not known yet. */
  connectionTo(address: string): Redis | undefined {
    return this.#nodes.get(address);
  }

  /** A key under `prefix` that the connection's node serves; nothing where it serves no slot. */
  keyOn(connection: Redis, prefix: string): string | undefined {
    for (let i = 0; i < MAX_KEY_ATTEMPTS; i++) {
      const key = `${prefix}${i}`;
      if (this.connectionFor(key) === connection) return key;
    }
    return undefined;
  }

  /** Asks the Cluster which node serves which slot; a call while one is under way joins it. */
  refresh(): Promise<void> {
    const client = this.#client;
    if (!(client instanceof Cluster)) return Promise.resolve();
    // A failed refresh leaves the old map, and the next attempt meets its error by itself.
    return new Promise((resolve) => client.refreshSlotsCache(() => resolve()));
  }
}

import { Cluster, Redis } from "ioredis";
import type { Clock } from "../core/clock.ts";
import type { FailureLog } from "./failure_log.ts";

/** A connection to one server, or connections to all masters of a Cluster. */
export type RedisClient = Redis | Cluster;

/** Where Redis is and how to get in. */
export interface RedisConnectionOptions {
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  readonly clusterMode: boolean;
  /** Connections to each node. */
  readonly poolSize: number;
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
  /** PEM certificates to trust; without `ca` the system's. Absent: no TLS. */
  readonly tls?: { readonly ca?: string };
  readonly dialTimeoutMs: number;
}

/** The longest pause between two attempts: Redis must be noticed soon after it is back. */
const MAX_RECONNECT_DELAY_MS = 250;
const FIRST_RECONNECT_DELAY_MS = 50;
/** The longest pause before Redis is asked again whether it has loaded its data. */
const LOADING_RETRY_MS = 100;
/** How long a connection that is given up may take to close before it is destroyed. */
const DISCONNECT_TIMEOUT_MS = 100;
const SLOTS_REFRESH_INTERVAL_MS = 5000;

/**
 * Opens the pool: `poolSize` clients that connect and reconnect by themselves. Commands never wait in
 * a queue for a connection and are never sent twice by the client: both would carry a write past its
 * deadline, or past a later one. `jitter` gives numbers from 0 to 1.
 */
export function openRedisClients(
  options: RedisConnectionOptions,
  { jitter, failures }: { readonly jitter: () => number; readonly failures: FailureLog },
): RedisClient[] {
  const common = nodeOptions(options, jitter);
  return Array.from({ length: options.poolSize }, () => {
    const client = options.clusterMode
      ? openCluster(options, { redisOptions: common, failures })
      : new Redis({ ...common, ...options.addresses[0], db: options.db });
    // Without a listener the client would write every failed attempt to the console.
    client.on("error", (error: unknown) => failures.tell("a redis connection failed", error));
    return client;
  });
}

type NodeOptions = ReturnType<typeof nodeOptions>;

// deno-lint-ignore explicit-function-return-type -- the client's own type forbids what it accepts
function nodeOptions(options: RedisConnectionOptions, jitter: () => number) {
  return {
    ...(options.username === undefined ? {} : { username: options.username }),
    ...(options.password === undefined ? {} : { password: options.password }),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    connectTimeout: options.dialTimeoutMs,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // Redis estimates in whole seconds how long it still loads; by then it has long been ready.
    maxLoadingRetryTime: LOADING_RETRY_MS,
    enableAutoPipelining: true,
    // `TIME` measures the way to Redis, so it must not wait behind a pipeline.
    autoPipeliningIgnoredCommands: ["time"],
    retryStrategy: (attempt: number): number => {
      const ceilingMs = Math.min(
        MAX_RECONNECT_DELAY_MS,
        FIRST_RECONNECT_DELAY_MS * 2 ** Math.min(attempt, 10),
      );
      return ceilingMs / 2 * (1 + jitter());
    },
  };
}

/**
 * A Cluster client that is only asked where a slot is. Its own pipelines repeat all of their reads at
 * the target of a redirection that one of them met; while a slot moves, keys that have not moved yet
 * are then missed there.
 */
function openCluster(
  options: RedisConnectionOptions,
  { redisOptions, failures }: { readonly redisOptions: NodeOptions; readonly failures: FailureLog },
): Cluster {
  const cluster = new Cluster([...options.addresses], {
    redisOptions,
    enableOfflineQueue: false,
    // The check asks a node that is still connecting, which fails without a queue, so that the client
    // closes all of them and starts anew, several times over.
    enableReadyCheck: false,
    slotsRefreshInterval: SLOTS_REFRESH_INTERVAL_MS,
    slotsRefreshTimeout: options.dialTimeoutMs,
    // Once all nodes of the last attempt have ended: one that did so while the next still resolves
    // names would stop it for good.
    clusterRetryStrategy: (attempt) => DISCONNECT_TIMEOUT_MS + redisOptions.retryStrategy(attempt),
    clusterNodeRetryStrategy: redisOptions.retryStrategy,
    // A certificate names what the nodes announce, which a lookup would replace by an address.
    ...(options.tls === undefined
      ? {}
      : { dnsLookup: (address: string, done: DnsLookupDone) => done(null, address) }),
  });
  cluster.on("node error", (error: unknown) => failures.tell("a redis connection failed", error));
  cluster.on("+node", (node: Redis) => {
    // A Cluster gives its nodes a queue whatever it is told, and connects them at their first
    // command, which without a queue would fail.
    node.options.enableOfflineQueue = false;
    if (node.status === "wait") node.connect().catch(() => {});
    endWhenLeft(node);
  });
  return cluster;
}

/**
 * Lets a node end that its Cluster leaves between two attempts to connect. The client only drops the
 * next attempt then and says nothing, while the Cluster starts anew only when its last node has ended,
 * and others hold the node until then. An attempt given up in the turn of its beginning opens nothing,
 * and ends.
 */
function endWhenLeft(node: Redis): void {
  const disconnect = node.disconnect.bind(node);
  node.disconnect = (reconnect = false) => {
    if (!reconnect && node.status === "reconnecting") node.connect().catch(() => {});
    disconnect(reconnect);
  };
}

type DnsLookupDone = (error: Error | null, address: string) => void;

/** Opens a connection to the same server that speaks RESP2 and is not pipelined. */
export function openSubscriber(connection: Redis): Redis {
  return connection.duplicate({
    protocol: 2,
    lazyConnect: false,
    enableAutoPipelining: false,
    autoResubscribe: false,
  });
}

/**
 * Opens a connection like another to another server. It ends when it is lost, or when the server owes
 * it an answer for longer than it may take to connect.
 */
export function openBeside(
  connection: Redis,
  { host, port }: { readonly host: string; readonly port: number },
): Redis {
  return connection.duplicate({
    host,
    port,
    readOnly: false,
    lazyConnect: false,
    socketTimeout: connection.options.connectTimeout,
    retryStrategy: () => null,
  });
}

/** The connections of a client: its own, or one to each master. */
export function mastersOf(client: RedisClient): Redis[] {
  return client instanceof Cluster ? client.nodes("master") : [client];
}

/** Host and port of a connection's server, as a Cluster's slot map and redirections name it. */
export function addressOf(connection: Redis): string {
  return `${connection.options.host}:${connection.options.port}`;
}

/** Closes a client; resolves when nothing of its connections is left. */
export async function closeRedisClient(client: RedisClient, clock: Clock): Promise<void> {
  // Told to disconnect once more, an ended one would set the timer for it again.
  if (client.status === "end") return;
  const connections = client instanceof Cluster ? client.nodes("all") : [client];
  const ended = connections.filter(({ status }) => status === "ready").map((connection) =>
    new Promise<void>((resolve) => void connection.once("end", () => resolve()))
  );
  // Between two attempts, or within one, no event need say that it is over: the client gives such a
  // connection its timeout and then destroys it, a Cluster also those that it has just left.
  const isUnsettled = client instanceof Cluster ||
    connections.some(({ status }) => status !== "ready" && status !== "end");
  client.disconnect();
  if (isUnsettled) {
    ended.push(new Promise((resolve) => void clock.setTimer(resolve, DISCONNECT_TIMEOUT_MS)));
  }
  await Promise.all(ended);
}

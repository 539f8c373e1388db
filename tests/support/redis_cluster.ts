import { type RedisServer, startRedis } from "./redis_server.ts";
import { waitFor } from "./wait_for.ts";

const READY_DEADLINE_MS = 30_000;

export interface RedisClusterOptions {
  /** At least 3 (the default), as Redis demands. */
  readonly masters?: number;
  /** None by default. */
  readonly replicasPerMaster?: number;
  /** One for each node; free ones by default. */
  readonly ports?: readonly number[];
}

/** Real Redis Cluster nodes on 127.0.0.1; `addresses` are of the form `host:port`. */
export interface RedisCluster extends AsyncDisposable {
  readonly nodes: readonly RedisServer[];
  readonly addresses: readonly string[];
  stop(): Promise<void>;
}

/** Starts a cluster and waits until every node serves; use it with `await using`. */
export async function startRedisCluster(
  options: RedisClusterOptions = {},
): Promise<RedisCluster> {
  const masters = options.masters ?? 3;
  const replicas = options.replicasPerMaster ?? 0;
  const nodes: RedisServer[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  try {
    for (let node = 0; node < masters * (1 + replicas); node++) {
      const port = options.ports?.[node];
      nodes.push(await startRedis({ cluster: true, ...(port === undefined ? {} : { port }) }));
    }
    const addresses = nodes.map((node) => node.address);
    await join(addresses, replicas);
    await waitFor(async () => (await Promise.all(nodes.map(serves))).every(Boolean), {
      deadlineMs: READY_DEADLINE_MS,
      what: "every node of the Redis Cluster to serve",
    });
    return { nodes, addresses, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function join(addresses: readonly string[], replicasPerMaster: number): Promise<void> {
  const replicas = ["--cluster-replicas", `${replicasPerMaster}`];
  const { success, stdout } = await new Deno.Command("redis-cli", {
    args: ["--cluster", "create", ...addresses, ...replicas, "--cluster-yes"],
    stdin: "null",
  }).output();
  if (!success) throw new Error(`redis-cli failed: ${new TextDecoder().decode(stdout)}`);
}

async function serves(node: RedisServer): Promise<boolean> {
  const [cluster, replication] = await Promise.all([
    node.command("CLUSTER", "INFO"),
    node.command("INFO", "replication"),
  ]);
  return cluster.includes("cluster_state:ok") &&
    (replication.includes("role:master") || replication.includes("master_link_status:up"));
}

// What memory and connections the service takes, and what it costs Redis:
//
//   deno run --allow-all bench/footprint.ts [--entries 100000] [--bytes 1024] [--only journal]
//
// The service as shipped. Memory of the process is what is resident, at rest 10 s after the last call;
// of Redis it is `used_memory`. Speeds do not count, so it may share the machine. Needs `redis-server`
// and `redis-cli`; the result is Markdown on standard output.
// deno-lint-ignore-file no-console -- a command: its result goes to standard output
import { parseArgs } from "node:util";
import {
  memorySettings,
  redisSettings,
  ServiceProcess,
  type Settings,
} from "../tests/e2e/service_process.ts";
import { startRedisCluster } from "../tests/support/redis_cluster.ts";
import { clientsOf } from "../tests/support/redis_client_list.ts";
import { type RedisServer, startRedis } from "../tests/support/redis_server.ts";
import { RestDriver } from "../tests/support/rest_driver.ts";
import { residentBytes } from "../tests/support/resident_bytes.ts";
import { describeMachine } from "./machine.ts";

const NAMESPACE = "footprint";
const BATCH = 500;
const REST_MS = 10_000;
const TTL_SECONDS = 3600;
/** Room for all entries, whatever their size. */
const ROOM = { CACHE_MAX_MEMORY_MB: "4096", CACHE_JOURNAL_MAX_MB: "4096" };
const ENOUGH = "10000000";

const { values: options } = parseArgs({
  options: {
    entries: { type: "string", default: "100000" },
    bytes: { type: "string", default: "1024" },
    only: { type: "string" },
  },
});
const entries = Number(options.entries);
const value = new Uint8Array(Number(options.bytes)).fill(0x2e);

const parts: Readonly<Record<string, () => Promise<void>>> = {
  near: measureNearCache,
  journal: measureJournal,
  memory: measureMemoryBackend,
  redis: measureRedis,
  connections: measureConnections,
};
{
  await using redis = await startRedis();
  const { processor, cores, kernel, deno, redis: version, commit } = await describeMachine(redis);
  console.log(
    `${processor}, ${cores} cores, ${kernel}, Deno ${deno}, Redis ${version}, ${commit}\n`,
  );
}
console.log(`${entries} entries of ${value.length} bytes\n\n| what | total | for each entry |`);
console.log("| --- | ---: | ---: |");
for (const [name, measure] of Object.entries(parts)) {
  if (options.only === undefined || options.only === name) await measure();
}

async function measureNearCache(): Promise<void> {
  await using redis = await startRedis();
  const settings = { ...redisSettings([redis.address]), ...ROOM, CACHE_LOCAL_CACHE_SIZE: ENOUGH };
  await using service = await ServiceProcess.start(settings);
  await measureGrowth(service, "near cache", "cache_memory_usage_bytes");
}

/** With a near cache of one entry, so that it does not count. */
async function measureJournal(): Promise<void> {
  await using redis = await startRedis();
  await using service = await ServiceProcess.start({
    ...redisSettings([redis.address]),
    ...ROOM,
    CACHE_LOCAL_CACHE_SIZE: "1",
    CACHE_JOURNAL_MAX_ENTRIES: ENOUGH,
  });
  await redis.kill();
  const { degraded } = await new RestDriver(service.origin).set({
    namespace: NAMESPACE,
    key: key(0),
    value,
  });
  if (!degraded) throw new Error("the first write after Redis was killed is not degraded");
  await measureGrowth(service, "journal", "cache_journal_bytes");
}

async function measureMemoryBackend(): Promise<void> {
  await using service = await ServiceProcess.start({ ...memorySettings(), ...ROOM });
  await measureGrowth(service, "memory backend", "cache_memory_usage_bytes");
}

/** What the process grows by, what it reckons with, and what calls leave for the collector. */
async function measureGrowth(
  service: ServiceProcess,
  what: string,
  metric: string,
): Promise<void> {
  const before = residentBytes(service.pid);
  row(`${what}: resident before`, before);
  let highest = before;
  await fill(service, () => highest = Math.max(highest, residentBytes(service.pid)));
  row(`${what}: \`${metric}\``, await metricOf(service, metric), entries);
  await pause(REST_MS);
  row(`${what}: resident grew by, at rest`, residentBytes(service.pid) - before, entries);
  row(`${what}: resident grew by, at most while it was filled`, highest - before, entries);
}

async function measureRedis(): Promise<void> {
  for (const nearCache of [false, true]) {
    await using redis = await startRedis();
    const settings: Settings = {
      ...redisSettings([redis.address]),
      CACHE_LOCAL_CACHE_ENABLED: `${nearCache}`,
    };
    await using service = await ServiceProcess.start(settings);
    const used = async (): Promise<number> => Number(await info(redis, "memory", "used_memory"));
    const title = `Redis, near cache ${nearCache ? "on" : "off"}`;
    const before = await used();
    await fill(service);
    await pause(1000);
    row(`${title}: entries`, await used() - before, entries);
    if (nearCache) row("tracked keys", await info(redis, "stats", "tracking_total_keys"));
    await removeAll(service);
    await pause(1000);
    row(`${title}: tombstones of them`, await used() - before, entries);
  }
}

async function measureConnections(): Promise<void> {
  await using alone = await startRedis();
  await using cluster = await startRedisCluster({ replicasPerMaster: 1 });
  for (const nearCache of ["true", "false"]) {
    const settings = { CACHE_LOCAL_CACHE_ENABLED: nearCache };
    await countConnections(`a Redis, near cache ${nearCache}`, [alone], {
      ...redisSettings([alone.address]),
      ...settings,
    });
    await countConnections(`a Cluster, near cache ${nearCache}`, cluster.nodes, {
      ...redisSettings(cluster.addresses),
      REDIS_CLUSTER_MODE: "true",
      ...settings,
    });
  }
}

/** A Cluster's own connections between its nodes were there before. */
async function countConnections(
  what: string,
  nodes: readonly RedisServer[],
  settings: Settings,
): Promise<void> {
  const count = (): Promise<number[]> =>
    Promise.all(nodes.map(async (node) => (await clientsOf(node)).length));
  const before = await count();
  await using service = await ServiceProcess.start(settings);
  await pause(REST_MS);
  const after = await count();
  const roles = await Promise.all(nodes.map((node) => info(node, "replication", "role")));
  const counted = roles.map((role, i) => `${role} ${(after[i] ?? 0) - (before[i] ?? 0)}`);
  row(`connections to ${what}`, counted.sort().join(", "));
  const files = await Array.fromAsync(Deno.readDir(`/proc/${service.pid}/fd`));
  row("file descriptors of the process", files.length);
}

async function fill({ origin }: ServiceProcess, onBatch = (): void => {}): Promise<void> {
  const rest = new RestDriver(origin);
  for (let start = 0; start < entries; start += BATCH) {
    const numbers = Array.from({ length: BATCH }, (_, i) => start + i);
    const batch = new Map(numbers.map((number) => [key(number), value]));
    const answer = await rest.batchSet({ namespace: NAMESPACE, entries: batch }, {
      ttlSeconds: TTL_SECONDS,
    });
    if (!answer.success) throw new Error("a batch was not stored");
    onBatch();
  }
}

async function removeAll({ origin }: ServiceProcess): Promise<void> {
  for (let start = 0; start < entries; start += BATCH) {
    const keys = Array.from({ length: BATCH }, (_, i) => key(start + i));
    const answer = await fetch(`${origin}/api/v1/cache/${NAMESPACE}/invalidate`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ keys, action: "delete" }),
    });
    if (!answer.ok) throw new Error(`an invalidation was answered by ${answer.status}`);
    await answer.body?.cancel();
  }
}

/** 14 characters. */
function key(number: number): string {
  return `entry-${`${number}`.padStart(8, "0")}`;
}

async function metricOf({ origin }: ServiceProcess, name: string): Promise<number> {
  const text = await (await fetch(`${origin}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
}

async function info(redis: RedisServer, section: string, field: string): Promise<string> {
  const text = await redis.command("INFO", section);
  return new RegExp(`^${field}:(\\S+)`, "m").exec(text)?.[1] ?? "unknown";
}

function row(what: string, total: number | string, of?: number): void {
  const isBytes = typeof total === "number" && total > 1_000_000;
  const shown = isBytes ? `${(total / 2 ** 20).toFixed(0)} MiB` : `${total}`;
  const each = typeof total === "number" && of !== undefined ? `${Math.round(total / of)} B` : "";
  console.log(`| ${what} | ${shown} | ${each} |`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

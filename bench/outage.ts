import type { ReplicaProcess } from "../tests/e2e/replica_process.ts";
import type { RedisServer } from "../tests/support/redis_server.ts";
import { RestDriver } from "../tests/support/rest_driver.ts";
import { waitFor } from "../tests/support/wait_for.ts";
import { percentile } from "./statistics.ts";

const KEYS = 50;
const DEADLINE_MS = 60_000;
const BATCH = 1000;
const VALUE_BYTES = 100;
const LIVE_CLIENTS = 8;
/** Between two requests of a live client. */
const LIVE_PAUSE_MS = 5;

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Makes sure that the replica is normal, with every connection to Redis. */
async function settle({ service, rest }: ReplicaProcess): Promise<void> {
  await waitFor(async () => (await service.health()).status === "ok", {
    deadlineMs: DEADLINE_MS,
    what: "the service to be normal",
  });
  for (let i = 0; i < KEYS; i++) {
    await waitFor(async () => !(await rest.get(`settle-${i}`, { noCache: true })).degraded, {
      deadlineMs: DEADLINE_MS,
      what: "normal answers",
    });
  }
}

/**
 * Kills Redis for `downMs` under light load and brings it back. Milliseconds from its first answer
 * to a PING to the first answer of the replica that is not degraded, and until every one of 50 keys,
 * which go over different connections, had one. The keys have no journal entry.
 */
export async function measureRecovery(
  redis: RedisServer,
  { replica, downMs }: { readonly replica: ReplicaProcess; readonly downMs: number },
): Promise<{ firstMs: number; allMs: number }> {
  await settle(replica);
  const isDegraded = async (key: string): Promise<boolean> =>
    (await replica.rest.get(key, { noCache: true })).degraded;
  await redis.kill();
  const endsAtMs = performance.now() + downMs;
  while (performance.now() < endsAtMs) {
    await isDegraded("recovery-0");
    await sleep(5);
  }
  let firstAtMs: number | undefined;
  const normal = (async (): Promise<number> => {
    for (let i = 0; i < KEYS; i++) {
      while (await isDegraded(`recovery-${i}`)) await sleep(1);
      firstAtMs ??= performance.now();
    }
    return performance.now();
  })();
  const restarted = redis.restart({ keepData: true });
  const answered = (async (): Promise<number> => {
    while (await redis.command("PING").catch(() => "") !== "PONG") await sleep(1);
    return performance.now();
  })();
  const [answeredAtMs, allAtMs] = await Promise.all([answered, normal, restarted]);
  return {
    firstMs: Math.max(0, (firstAtMs ?? NaN) - answeredAtMs),
    allMs: Math.max(0, allAtMs - answeredAtMs),
  };
}

/** How fast a journal empties, and what that costs others. */
export interface Replay {
  readonly entriesPerSecond: number;
  readonly liveRequestsPerSecond: number;
  readonly liveP50Ms: number;
  readonly liveP99Ms: number;
}

/**
 * Fills the replica's journal while Redis is down, brings Redis back, empty, and counts there what
 * arrives. Meanwhile clients read past the near cache and write other, few keys.
 */
export async function measureReplay(
  redis: RedisServer,
  { replica, entries }: { readonly replica: ReplicaProcess; readonly entries: number },
): Promise<Replay> {
  await settle(replica);
  await redis.kill();
  await fillJournal(replica, entries);
  await redis.restart({ keepData: false });

  const live: { atMs: number; tookMs: number }[] = [];
  let isOver = false;
  const clients = Array.from({ length: LIVE_CLIENTS }, async (_, client) => {
    for (let i = client; !isOver; i++) {
      const key = `live-${i % KEYS}`;
      const atMs = performance.now();
      if (i % 2 === 0) await replica.rest.get(key, { noCache: true });
      else await replica.rest.set(key, "live");
      live.push({ atMs, tookMs: performance.now() - atMs });
      await sleep(LIVE_PAUSE_MS);
    }
  });
  let beganAtMs = performance.now();
  while (await size(redis) <= KEYS) beganAtMs = performance.now();
  while (await size(redis) < entries) await sleep(5);
  const endedAtMs = performance.now();
  isOver = true;
  await Promise.all(clients);
  const during = live.filter(({ atMs }) => atMs >= beganAtMs && atMs <= endedAtMs)
    .map(({ tookMs }) => tookMs);
  const seconds = (endedAtMs - beganAtMs) / 1000;
  return {
    entriesPerSecond: entries / seconds,
    liveRequestsPerSecond: during.length / seconds,
    liveP50Ms: percentile(during, 50),
    liveP99Ms: percentile(during, 99),
  };
}

async function size(redis: RedisServer): Promise<number> {
  return Number(await redis.command("DBSIZE"));
}

/** Writes while Redis is away, so that all of it is journaled. */
async function fillJournal({ service }: ReplicaProcess, entries: number): Promise<void> {
  const rest = new RestDriver(service.origin);
  const value = new Uint8Array(VALUE_BYTES);
  const prefix = crypto.randomUUID();
  for (let written = 0; written < entries; written += BATCH) {
    const batch = new Map(
      Array.from({ length: BATCH }, (_, i) => [`${prefix}-${written + i}`, value]),
    );
    const { degraded } = await rest.batchSet({ namespace: "replay", entries: batch });
    if (!degraded) throw new Error("a write meant for the journal reached Redis");
  }
}

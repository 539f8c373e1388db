import { serverTest } from "../support/backends.ts";
import type { CacheDriver } from "../support/cache_driver.ts";
import { startRedisCluster } from "../support/redis_cluster.ts";
import { startRedis } from "../support/redis_server.ts";
import { systemClock } from "../../src/system.ts";
import { startTestApp, type TestApp } from "./apps.ts";
import { createMemoryService, createService } from "./cache_services.ts";
import { connectRedisStore } from "./redis_stores.ts";
import { ServiceDriver } from "./service_driver.ts";

/** What a property is checked against, and how many runs it takes there. */
export interface Leg {
  readonly driver: CacheDriver;
  readonly numRuns: number;
}

/** Where a property runs. */
export type LegName = "memory" | "rest" | "grpc" | "redis" | "cluster";

type Check = (leg: Leg) => Promise<void>;

const LEGS: Readonly<Record<LegName, (name: string, check: Check) => void>> = {
  memory: (name, check) =>
    Deno.test(`${name}: in process, memory`, async () => {
      const { service, clock } = createMemoryService();
      await check({ driver: new ServiceDriver(service, clock), numRuns: 300 });
    }),
  rest: (name, check) =>
    appTest(`${name}: REST, memory`, async (app) => {
      await check({ driver: app.rest, numRuns: 100 });
    }),
  grpc: (name, check) =>
    appTest(`${name}: gRPC, memory`, async (app) => {
      await check({ driver: app.grpc, numRuns: 100 });
    }),
  redis: (name, check) =>
    serverTest({
      name: `${name}: in process, Redis`,
      needs: ["redis-server"],
      async fn(): Promise<void> {
        await using redis = await startRedis();
        await using connected = await connectRedisStore({ addresses: [redis.address] });
        const service = createService(connected.store, { clock: systemClock });
        await check({ driver: new ServiceDriver(service, systemClock), numRuns: 100 });
      },
    }),
  cluster: (name, check) =>
    serverTest({
      name: `${name}: in process, Redis Cluster`,
      needs: ["redis-server", "redis-cli"],
      async fn(): Promise<void> {
        await using cluster = await startRedisCluster();
        await using connected = await connectRedisStore({
          addresses: cluster.addresses,
          clusterMode: true,
        });
        const service = createService(connected.store, { clock: systemClock });
        await check({ driver: new ServiceDriver(service, systemClock), numRuns: 100 });
      },
    }),
};

/** Registers a test against a whole service in this process. */
function appTest(name: string, check: (app: TestApp) => Promise<void>): void {
  Deno.test(name, async () => {
    await using app = await startTestApp();
    await check(app);
  });
}

/** Registers a property's check for each leg. */
export function onLegs(
  property: { readonly name: string; readonly legs: readonly LegName[] },
  check: Check,
): void {
  for (const leg of property.legs) LEGS[leg](property.name, check);
}

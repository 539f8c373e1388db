// Requirements 3.1, 3.3 to 3.5: an operator invalidates keys of the running program.
import assert from "node:assert/strict";
import { serverTest } from "../support/backends.ts";
import { startFaultProxy } from "../support/fault_proxy.ts";
import { RABBITMQ_PROGRAMS, startRabbitmq } from "../support/rabbitmq_server.ts";
import { startRedis } from "../support/redis_server.ts";
import { RestDriver } from "../support/rest_driver.ts";
import { JWT_SECRET, signToken } from "../support/tokens.ts";
import { waitFor } from "../support/wait_for.ts";
import {
  type CommandResult,
  redisSettings,
  runCommand,
  ServiceProcess,
  type Settings,
} from "./service_process.ts";

const NAMESPACE = "demo";
const KEYS = ["a", "b", "é/ 🙂", "kept"];
const CONNECT_DEADLINE_MS = 60_000;

const admin = { namespace: NAMESPACE, scopes: ["cache:admin", "cache:read", "cache:write"] };
const secured: Settings = { AUTH_ENABLED: "true", AUTH_JWT_SECRET: JWT_SECRET };

/** `cache-service invalidate …args` against a service. */
function invalidate(
  { origin }: ServiceProcess,
  args: readonly string[],
  token?: string,
): Promise<CommandResult> {
  return runCommand(["invalidate", ...args], {
    CACHE_SERVICE_URL: origin,
    ...(token === undefined ? {} : { CACHE_SERVICE_TOKEN: token }),
  });
}

/** POST …/invalidate; without a token where that is empty. */
function post(
  { origin }: ServiceProcess,
  { token, body, namespace = NAMESPACE }: {
    readonly token: string;
    readonly body: unknown;
    readonly namespace?: string;
  },
): Promise<Response> {
  return fetch(`${origin}/api/v1/cache/${namespace}/invalidate`, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      ...(token === "" ? {} : { Authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  });
}

/** The keys that a service has, all of which `fill` wrote. */
async function keysAt({ origin }: ServiceProcess, token: string): Promise<string[]> {
  const { values } = await new RestDriver(origin, { token }).batchGet(NAMESPACE, KEYS);
  return [...values.keys()];
}

async function fill(services: readonly ServiceProcess[], token: string): Promise<void> {
  const [first] = services;
  assert(first !== undefined);
  const entries = new Map(KEYS.map((key) => [key, Uint8Array.of(1)]));
  await new RestDriver(first.origin, { token }).batchSet({ namespace: NAMESPACE, entries });
  for (const service of services) assert.deepEqual(await keysAt(service, token), KEYS);
}

async function untilLeft(
  services: readonly ServiceProcess[],
  { token, keys }: { readonly token: string; readonly keys: readonly string[] },
): Promise<void> {
  for (const service of services) {
    await waitFor(async () => (await keysAt(service, token)).join() === keys.join(), {
      deadlineMs: 20_000,
      what: `only ${keys} to be left`,
    });
  }
}

serverTest({
  name: "without a broker invalidate is carried out at once, for callers with the scope",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis();
    await using service = await ServiceProcess.start({
      ...redisSettings([redis.address]),
      ...secured,
    });
    const token = await signToken(admin);
    assert.equal((await service.health()).broker_status, "disabled");

    await fill([service], token);
    const done = await invalidate(service, [NAMESPACE, "a", "é/ 🙂"], token);
    assert.deepEqual([done.code, done.stdout, done.stderr], [0, "demo: 2 invalidated\n", ""]);
    assert.deepEqual(await keysAt(service, token), ["b", "kept"]);
    const json = await invalidate(service, [NAMESPACE, "b", "--update", "--json"], token);
    assert.deepEqual([json.code, JSON.parse(json.stdout)], [0, { success: true }]);
    assert.deepEqual(await keysAt(service, token), ["kept"]);

    const writer = await signToken({ namespace: NAMESPACE });
    const refused: [token: string, namespace: string, status: number, code: string][] = [
      ["", NAMESPACE, 401, "unauthorized"],
      [writer, NAMESPACE, 403, "forbidden"],
      [token, "other", 403, "forbidden"],
    ];
    for (const [token, namespace, status, code] of refused) {
      const answer = await post(service, { token, namespace, body: { keys: ["kept"] } });
      assert.deepEqual([answer.status, (await answer.json()).code], [status, code]);
    }
    for (const body of [{}, { keys: "kept" }, { keys: ["kept"], action: "drop" }]) {
      const answer = await post(service, { token, body });
      assert.deepEqual([answer.status, (await answer.json()).code], [400, "invalid_request"]);
    }
    const commands: [args: string[], token: string | undefined, code: number, said: RegExp][] = [
      [[NAMESPACE, "kept"], undefined, 1, /\(unauthorized, correlation id [\w-]{36}\)\n$/],
      [[NAMESPACE, "kept"], writer, 1, /cache:admin.* \(forbidden, /],
      [["a:b", "kept"], token, 1, /\((invalid_namespace|forbidden), /],
      [[NAMESPACE], token, 2, /usage: cache-service invalidate/],
    ];
    for (const [args, token, code, said] of commands) {
      const result = await invalidate(service, args, token);
      assert.deepEqual([result.code, result.stdout], [code, ""], result.stderr);
      assert.match(result.stderr, said);
    }
    assert.deepEqual(await keysAt(service, token), ["kept"]);

    await redis.kill();
    const away = await post(service, { token, body: { keys: ["kept"] } });
    assert.deepEqual([away.status, Number(away.headers.get("retry-after")) >= 1], [503, true]);
    assert.match((await away.json()).code, /^(redis_unavailable|circuit_open)$/);
  },
});

serverTest({
  name: "with RabbitMQ invalidate reaches every replica; while it is away it says so",
  needs: ["redis-server", ...RABBITMQ_PROGRAMS],
  async fn(): Promise<void> {
    await using redis = await startRedis();
    await using rabbitmq = await startRabbitmq();
    await using proxy = await startFaultProxy({
      target: { host: "127.0.0.1", port: rabbitmq.port },
    });
    proxy.refuse();
    const start = (): Promise<ServiceProcess> =>
      ServiceProcess.start({
        ...redisSettings([redis.address]),
        ...secured,
        BROKER_TYPE: "rabbitmq",
        BROKER_URL: `amqp://${proxy.address}`,
      });
    await using a = await start();
    await using b = await start();
    const token = await signToken(admin);
    const brokerStatus = async (service: ServiceProcess): Promise<unknown> => {
      const { broker_status, healthy, status } = await service.health();
      assert.deepEqual([healthy, status, await service.readyStatus()], [true, "ok", 200]);
      return broker_status;
    };
    const untilConnected = async (): Promise<void> => {
      for (const service of [a, b]) {
        await waitFor(async () => await brokerStatus(service) === "connected", {
          deadlineMs: CONNECT_DEADLINE_MS,
          what: "the service to be connected to RabbitMQ",
        });
      }
    };
    const isRefused = async (): Promise<void> => {
      assert.match(String(await brokerStatus(a)), /^(disconnected|connecting)$/);
      const answer = await post(a, { token, body: { keys: ["a"] } });
      assert.deepEqual([answer.status, (await answer.json()).code], [503, "broker_unavailable"]);
      assert(Number(answer.headers.get("retry-after")) >= 1);
      const result = await invalidate(a, [NAMESPACE, "a"], token);
      assert.deepEqual([result.code, result.stdout], [69, ""]);
      assert.match(result.stderr, /\(broker_unavailable, correlation id /);
    };

    await fill([a, b], token);
    await isRefused();
    assert.deepEqual(await keysAt(b, token), KEYS);

    proxy.heal();
    await untilConnected();
    const done = await invalidate(a, [NAMESPACE, "a", "é/ 🙂"], token);
    assert.deepEqual([done.code, done.stdout, done.stderr], [0, "demo: 2 invalidated\n", ""]);
    await untilLeft([a, b], { token, keys: ["b", "kept"] });
    const answer = await post(b, { token, body: { keys: ["b"], action: "update" } });
    assert.deepEqual([answer.status, await answer.json()], [200, { success: true }]);
    await untilLeft([a, b], { token, keys: ["kept"] });

    proxy.refuse();
    proxy.cut();
    await waitFor(async () => await brokerStatus(a) !== "connected", {
      deadlineMs: 10_000,
      what: "the loss to be noticed",
    });
    await isRefused();
    proxy.heal();
    await untilConnected();
    for (const service of [a, b]) {
      service.signal("SIGTERM");
      assert.equal((await service.ended).code, 0);
    }
  },
});

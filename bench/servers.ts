import { fileURLToPath } from "node:url";
import { freePort } from "../tests/support/free_port.ts";
import {
  makeServerFolder,
  ServerProcess,
  type ServerProcessOptions,
} from "../tests/support/server_process.ts";
import { JWT_SECRET } from "./identity.ts";
import { SERVER_CORE } from "./processor.ts";

const READY_DEADLINE_MS = 20_000;
const DENO_RUN = ["run", "--quiet", "--allow-net", "--allow-env", "--allow-read", "--allow-sys=ca"];

export type Api = "rest" | "grpc";

/** A program under test, on the core of its own and on loopback. */
export interface Server extends AsyncDisposable {
  readonly pid: number;
  readonly port: number;
}

/** What a service is started with. */
export interface ServiceOptions {
  /** Where the compiled program is; the source is run without it. */
  readonly binary?: string;
  /** Of a Redis; without it the entries are kept in memory. */
  readonly redisAddress?: string;
  readonly nearCache?: boolean;
  /** Asks for no token. */
  readonly open?: boolean;
  /** Has no metrics and logs no operations. */
  readonly quiet?: boolean;
  /** Further settings. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Starts the service as it is shipped and waits until it is ready; the port is that of `api`. */
export async function startService(api: Api, options: ServiceOptions = {}): Promise<Server> {
  const { binary, redisAddress, nearCache = false, open = false, quiet = false } = options;
  const ports = { rest: freePort(), grpc: freePort() };
  const program = binary === undefined ? denoRun("main.ts") : [binary];
  const server = pinned([...program, "serve"], {
    env: {
      ...(open ? { AUTH_ENABLED: "false" } : { AUTH_JWT_SECRET: JWT_SECRET }),
      METRICS_ENABLED: `${!quiet}`,
      LOG_REQUESTS: `${!quiet}`,
      SERVER_HOST: "127.0.0.1",
      SERVER_HTTP_PORT: `${ports.rest}`,
      SERVER_GRPC_PORT: `${ports.grpc}`,
      SERVER_DRAIN_DELAY: "0s",
      // With a near cache most reads are no reads of Redis.
      CACHE_LOCAL_CACHE_ENABLED: `${nearCache}`,
      ...(redisAddress === undefined
        ? { CACHE_BACKEND: "memory" }
        : { CACHE_BACKEND: "redis", REDIS_ADDRESSES: redisAddress }),
      ...options.settings,
    },
  });
  return await ready(server, ports[api], async () => {
    const response = await fetch(`http://127.0.0.1:${ports.rest}/ready`);
    await response.body?.cancel();
    return response.ok;
  });
}

/** Starts the ceiling of `api`, which repeats what the file `recording` holds. */
export async function startReplay(api: Api, recording: string): Promise<Server> {
  const port = freePort();
  const server = pinned([...denoRun(`bench/peers/replay_${api}.ts`), `${port}`, recording]);
  return await ready(server, port);
}

export async function startHonoRedis(redisPort: number): Promise<Server> {
  const port = freePort();
  const server = pinned([...denoRun("bench/peers/hono_redis.ts"), `${port}`, `${redisPort}`]);
  return await ready(server, port);
}

/** Starts webdis, which must be on PATH, with one worker, as it has one core. */
export async function startWebdis(redisPort: number): Promise<Server> {
  const port = freePort();
  const folder = makeServerFolder();
  const config = {
    redis_host: "127.0.0.1",
    redis_port: redisPort,
    http_host: "127.0.0.1",
    http_port: port,
    threads: 1,
    daemonize: false,
    verbosity: 0,
    logfile: `${folder}/webdis.log`,
  };
  await Deno.writeTextFile(`${folder}/webdis.json`, JSON.stringify(config));
  return await ready(pinned(["webdis", "webdis.json"], { folder, removeFolder: true }), port);
}

function denoRun(module: string): string[] {
  return [Deno.execPath(), ...DENO_RUN, fileURLToPath(new URL(`../${module}`, import.meta.url))];
}

function pinned(
  command: readonly string[],
  options: Omit<ServerProcessOptions, "args"> = {},
): ServerProcess {
  return new ServerProcess("taskset", { ...options, args: ["-c", `${SERVER_CORE}`, ...command] });
}

/** Waits until `isReady`, or else until something listens on the port. */
async function ready(
  server: ServerProcess,
  port: number,
  isReady: () => Promise<boolean> = () => listens(port),
): Promise<Server> {
  await server.whenReady(isReady, { deadlineMs: READY_DEADLINE_MS });
  return { pid: server.pid, port, [Symbol.asyncDispose]: () => server.stop() };
}

async function listens(port: number): Promise<boolean> {
  (await Deno.connect({ hostname: "127.0.0.1", port })).close();
  return true;
}

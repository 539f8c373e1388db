// Requirements 8.1, 9.5: the one binary needs nothing beside it, no home, no rights and no writing.
import assert from "node:assert/strict";
import { serverTest } from "../support/backends.ts";
import { startRedis } from "../support/redis_server.ts";
import { RestDriver } from "../support/rest_driver.ts";
import { ServerProcess } from "../support/server_process.ts";
import { waitFor } from "../support/wait_for.ts";
import {
  memorySettings,
  redisSettings,
  runCommand,
  SERVES_GRPC,
  ServiceProcess,
  type Settings,
} from "./service_process.ts";

const BINARY = Deno.env.get("CACHE_SERVICE_BINARY");
const DENO_JSON = new URL("../../deno.json", import.meta.url);
const READY_DEADLINE_MS = 30_000;
const UNTIL_FOUND_DEAF_MS = 6_000;
/** A numeric user that no line of /etc/passwd has. Who is not root cannot change, and need not. */
const UNPRIVILEGED = Deno.uid() === 0
  ? ["setpriv", "--reuid=65532", "--regid=65532", "--clear-groups", "--no-new-privs"]
  : [];

/** A read-only folder that holds the binary and nothing else, and that everyone can reach. */
class BareFolder implements AsyncDisposable {
  readonly path = Deno.makeTempDirSync({ dir: "/tmp", prefix: "cache-service-binary-" });

  constructor(binary: string) {
    Deno.copyFileSync(binary, `${this.path}/cache-service`);
    Deno.chmodSync(`${this.path}/cache-service`, 0o555);
    Deno.chmodSync(this.path, 0o555);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.chmod(this.path, 0o755);
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Serves out of `folder` without rights, with no environment but `settings`; ends in order. */
async function bareService(
  folder: BareFolder,
  { settings, use }: {
    readonly settings: Settings;
    readonly use: (origin: string) => Promise<void>;
  },
): Promise<void> {
  const environment = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  const inFolder = ["-c", 'cd "$0" && exec "$@"', folder.path];
  await using process = new ServerProcess("sh", {
    args: [...inFolder, ...UNPRIVILEGED, "env", "-i", ...environment, "./cache-service"],
  });
  const origin = `http://127.0.0.1:${settings.SERVER_HTTP_PORT}`;
  await process.whenReady(async () => {
    const response = await fetch(`${origin}/ready`, { headers: { connection: "close" } });
    await response.body?.cancel();
    return response.status === 200;
  }, { deadlineMs: READY_DEADLINE_MS });
  const status = await Deno.readTextFile(`/proc/${process.pid}/status`);
  assert.doesNotMatch(status, /^Uid:\t0\t/m);
  await use(origin);
  process.signal("SIGTERM");
  assert.equal((await process.ended).code, 0, process.outputTail());
}

async function roundTrip(origin: string): Promise<string> {
  const rest = new RestDriver(origin);
  const value = new TextEncoder().encode("value");
  await rest.set({ namespace: "binary", key: "k", value }, { ttlSeconds: 60 });
  const read = await rest.get("binary", "k");
  assert.ok(read.found);
  assert.deepEqual(new Uint8Array(read.value), value);
  return read.source;
}

/** What the compiler wrote into the binary, at its end. */
function permissionsOf(binary: string): Record<string, unknown> {
  const { stdout } = new Deno.Command("grep", {
    args: ["-aoP", '"permissions":\\K\\{"allow_[^{}]*\\}', binary],
  }).outputSync();
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** What the binary gets, tried by a program that attempts `action`. */
async function attempt(action: string): Promise<string> {
  const { tasks } = JSON.parse(await Deno.readTextFile(DENO_JSON));
  const words: string[] = tasks.compile.split(" ");
  const permissions = words.filter((word) => /^--(allow|deny|no-prompt)/.test(word));
  const file = await Deno.makeTempFile({ suffix: ".js" });
  try {
    await Deno.writeTextFile(file, action);
    const { stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-config", "--quiet", ...permissions, file],
      stdin: "null",
    }).output();
    return new TextDecoder().decode(stderr);
  } finally {
    await Deno.remove(file);
  }
}

function registerTests(binary: string): void {
  serverTest({
    name: "binary: alone in a read-only folder, without rights and HOME, it serves from memory",
    needs: ["setpriv"],
    async fn(): Promise<void> {
      await using folder = new BareFolder(binary);
      await bareService(folder, {
        settings: memorySettings(),
        use: async (origin) => assert.equal(await roundTrip(origin), "local"),
      });
    },
  });

  serverTest({
    name: "binary: it leaves nothing where everyone may write, such as compiled code",
    needs: ["setpriv"],
    async fn(): Promise<void> {
      await using folder = new BareFolder(binary);
      const temporary = await Deno.makeTempDir({ dir: "/tmp" });
      try {
        await Deno.chmod(temporary, 0o777);
        for (let run = 0; run < 2; run++) {
          await bareService(folder, {
            settings: { ...memorySettings(), TMPDIR: temporary },
            use: async (origin) => void await roundTrip(origin),
          });
        }
        assert.deepEqual(await Array.fromAsync(Deno.readDir(temporary)), []);
      } finally {
        await Deno.remove(temporary, { recursive: true });
      }
    },
  });

  serverTest({
    name: "binary: the protos are in it",
    needs: ["grep"],
    async fn(): Promise<void> {
      for (const name of ["cache.v1", "grpc.health.v1"]) {
        const args = ["-qaF", `package ${name};`, binary];
        const { success } = await new Deno.Command("grep", { args }).output();
        assert.ok(success, name);
      }
    },
  });

  serverTest({
    name: "binary: left alone, it finds nothing wrong with itself",
    needs: [],
    async fn(): Promise<void> {
      await using service = await ServiceProcess.start(memorySettings());
      const startedAtMs = performance.now();
      await waitFor(() => performance.now() - startedAtMs > UNTIL_FOUND_DEAF_MS, {
        deadlineMs: 2 * UNTIL_FOUND_DEAF_MS,
        what: "the time after which a server that accepts nothing is bound anew",
      });
      assert.equal(service.output().includes("cannot accept"), false, service.output());
    },
  });

  serverTest({
    name: "binary: alone in a read-only folder, without rights and HOME, it serves from Redis",
    needs: ["setpriv", "redis-server"],
    async fn(): Promise<void> {
      await using redis = await startRedis();
      await using folder = new BareFolder(binary);
      for (const noNearCache of [{ CACHE_LOCAL_CACHE_ENABLED: "false" }, {}]) {
        await bareService(folder, {
          settings: { ...redisSettings([redis.address]), ...noNearCache },
          use: async (origin) => assert.match(await roundTrip(origin), /^(redis|local)$/),
        });
      }
    },
  });

  serverTest({
    name:
      "binary: it may use the network, read files, the environment and authorities, and no more",
    needs: ["grep"],
    async fn(): Promise<void> {
      const { prompt, deny_import, ...others } = permissionsOf(binary);
      const granted = Object.entries(others).filter(([name, list]) =>
        name.startsWith("allow_") && name !== "allow_import" && list !== null
      );
      assert.deepEqual(Object.fromEntries(granted), {
        allow_env: [],
        allow_net: [],
        allow_read: [],
        // The system's authorities, of which an older Deno asks no right to read.
        ...SERVES_GRPC ? { allow_sys: ["ca"] } : {},
      });
      assert.deepEqual([prompt, deny_import], [false, []]);

      assert.match(await attempt('Deno.writeTextFileSync("/tmp/f", "");'), /NotCapable.*write/);
      assert.match(await attempt('new Deno.Command("true").outputSync();'), /NotCapable.*run/);
      assert.match(await attempt("Deno.hostname();"), /NotCapable.*sys/);
      assert.equal(await attempt('Deno.readTextFileSync("/etc/passwd");'), "");
    },
  });

  serverTest({
    name: "binary: every subcommand is there and tells of itself",
    needs: [],
    async fn(): Promise<void> {
      const { stdout } = await runCommand(["--help"]);
      const names = [...stdout.matchAll(/^ {2}([a-z][a-z-]+) +\S/gm)].map(([, name]) => `${name}`);
      for (const name of ["serve", "config", "token", "keygen", "version"]) {
        assert.ok(names.includes(name), stdout);
      }
      for (const name of names) {
        const help = await runCommand([name, "--help"]);
        assert.deepEqual([help.code, help.stderr], [0, ""], name);
        assert.match(help.stdout, new RegExp(`usage: cache-service ${name}`));
        assert.match(help.stdout, /^Examples?:$/m, name);
      }
    },
  });

  serverTest({
    name: "binary: the exit code tells how it ended",
    needs: [],
    async fn(): Promise<void> {
      const settings = memorySettings();
      assert.equal((await runCommand(["config"], settings)).code, 0);
      assert.equal((await runCommand(["keygen", "secret"])).code, 0);
      assert.equal((await runCommand(["sevre"])).code, 2);
      assert.equal((await runCommand(["serve"])).code, 78);
      using _listener = Deno.listen({
        hostname: "127.0.0.1",
        port: Number(settings.SERVER_HTTP_PORT),
      });
      assert.equal((await runCommand(["serve"], settings)).code, 69);
    },
  });

  if (SERVES_GRPC) return;
  serverTest({
    name: "binary: where its Deno cannot serve gRPC it says so, and serves REST",
    needs: [],
    async fn(): Promise<void> {
      await using service = await ServiceProcess.start(memorySettings());
      const refusal = await service.logged(
        "gRPC is unavailable: this version of Deno cannot serve it.",
      );
      assert.equal(refusal.level, "error");
      assert.equal((await service.logged("started")).grpc, "unavailable");
      await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port: service.grpcPort }));
      assert.equal(await roundTrip(service.origin), "local");
    },
  });
}

if (BINARY !== undefined) registerTests(BINARY);

// Requirement 10.5: a container's health check.
import assert from "node:assert/strict";
import { serverTest, sharedServer } from "../support/backends.ts";
import { makeCertificates } from "../support/certificates.ts";
import { freePort } from "../support/free_port.ts";
import { JWT_SECRET } from "../support/tokens.ts";
import {
  grpcTest,
  memorySettings,
  runCommand,
  SERVES_GRPC,
  ServiceProcess,
} from "./service_process.ts";

const service = sharedServer({
  needs: [],
  start: () =>
    ServiceProcess.start({
      ...memorySettings(),
      AUTH_ENABLED: "true",
      AUTH_JWT_SECRET: JWT_SECRET,
    }),
});

serverTest({
  name: "health asks this environment's service without a token, over both APIs",
  needs: [],
  async fn(): Promise<void> {
    const { httpPort, grpcPort, origin, grpcAddress } = service();
    // An address that listens everywhere is asked on this machine.
    for (const host of [{}, { SERVER_HOST: "0.0.0.0" }, { SERVER_HOST: "127.0.0.1" }]) {
      const env = { ...host, SERVER_HTTP_PORT: `${httpPort}`, SERVER_GRPC_PORT: `${grpcPort}` };
      const rest = await runCommand(["health"], env);
      assert.deepEqual([rest.code, rest.stdout, rest.stderr], [0, "ok\n", ""]);
      if (!SERVES_GRPC) continue;
      const grpc = await runCommand(["health", "--grpc"], env);
      assert.deepEqual([grpc.code, grpc.stdout, grpc.stderr], [0, "SERVING\n", ""]);
    }
    const json = await runCommand(["health", origin, "--json"]);
    assert.equal(JSON.parse(json.stdout).redis_status, "disabled");
    const ofUrl = await runCommand(["health", "--grpc", `http://${grpcAddress}`]);
    assert.equal(ofUrl.code, SERVES_GRPC ? 0 : 1);

    const SERVER_HTTP_PORT = `${freePort()}`;
    const SERVER_GRPC_PORT = SERVER_HTTP_PORT;
    for (const words of [["health"], ["health", "--grpc"]]) {
      const away = await runCommand(words, { SERVER_HTTP_PORT, SERVER_GRPC_PORT });
      assert.deepEqual([away.code, away.stdout], [1, ""]);
      assert.match(away.stderr, /^http:\/\/127\.0\.0\.1:\d+ is not healthy: .*ECONNREFUSED/);
    }
    assert.equal((await runCommand(["health", "ftp://x"])).code, 2);
  },
});

serverTest({
  name: "health takes no answer, a draining service and a stranger for ill",
  needs: [],
  async fn(): Promise<void> {
    const answers: Record<string, () => Response | Promise<Response>> = {
      draining: () => Response.json({ healthy: false, status: "ok" }),
      degraded: () => Response.json({ healthy: true, status: "degraded" }),
      foreign: () => new Response("<html></html>"),
      failing: () => Response.json({ healthy: true, status: "ok" }, { status: 500 }),
      long: () => new Response("x".repeat(100_000)),
      silent: () => new Promise<Response>(() => {}),
      slow: () =>
        new Response(new ReadableStream({ start: (body) => body.enqueue(new Uint8Array(1)) })),
    };
    const controller = new AbortController();
    const server = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      onListen: () => {},
      signal: controller.signal,
    }, ({ url }) => answers[url.split("/").at(-2) ?? ""]?.() ?? new Response("", { status: 404 }));
    const cases: [string, number, RegExp][] = [
      ["draining", 1, /^ok\n$/],
      ["degraded", 0, /^degraded\n$/],
      ["foreign", 1, /its answer is not that of a cache-service\n$/],
      ["failing", 1, /it answered 500\n$/],
      ["long", 1, /its answer is too long\n$/],
      ["silent", 1, /no answer within 2000 ms\n$/],
      ["slow", 1, /no answer within 2000 ms\n$/],
    ];
    const base = `http://127.0.0.1:${server.addr.port}`;
    for (const [name, code, message] of cases) {
      const result = await runCommand(["health", `${base}/${name}/`]);
      assert.equal(result.code, code, `${name}: ${result.stderr}`);
      assert.match(result.stdout + result.stderr, message);
      assert(result.elapsedMs < 10_000);
    }
    const grpc = await runCommand(["health", "--grpc", base]);
    assert.equal(grpc.code, 1);
    assert(grpc.elapsedMs < 10_000);
    controller.abort();
    await server.finished;
  },
});

// An older Deno cannot check the key of a certificate.
grpcTest({
  name: "health trusts this environment's certificate, and of a URL's only a proven one",
  needs: ["openssl"],
  async fn(): Promise<void> {
    const folder = await Deno.makeTempDir();
    try {
      const { caFile, certFile, keyFile } = await makeCertificates(folder);
      const env = {
        ...memorySettings(),
        SERVER_TLS_CERT_FILE: certFile,
        SERVER_TLS_KEY_FILE: keyFile,
      };
      await using secure = await ServiceProcess.start(env, { caFile });
      const urls = [[`https://127.0.0.1:${secure.httpPort}`], [
        `https://127.0.0.1:${secure.grpcPort}`,
        "--grpc",
      ]];
      for (const [url = "", ...options] of urls) {
        assert.equal((await runCommand(["health", ...options], env)).code, 0);
        const words = ["health", ...options, url];
        assert.equal((await runCommand(words, env)).code, 1);
        assert.equal((await runCommand([...words, "--ca-file", caFile], env)).code, 0);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

// Requirements 9.1, 9.4: a faulty configuration ends the start at once and says all that is wrong.
import assert from "node:assert/strict";
import { serverTest } from "../support/backends.ts";
import { memorySettings, runCommand, SERVES_GRPC, type Settings } from "./service_process.ts";

/** The promise is a second; a busy machine may take longer to load the program. */
const PROMPT_MS = 5_000;

async function refusal(settings: Settings): Promise<string> {
  const { code, stdout, stderr, elapsedMs } = await runCommand(["serve"], settings);
  assert.equal(code, 78, stderr);
  assert.equal(stdout, "");
  assert.ok(elapsedMs < PROMPT_MS, `took ${elapsedMs} ms`);
  return stderr;
}

serverTest({
  name: "every faulty setting is named at once, and no secret",
  needs: [],
  async fn(): Promise<void> {
    const message = await refusal({
      SERVER_HTTP_PORT: "eighty",
      CACHE_DEFAULT_TTL: "soon",
      REDIS_POOL_SIZE: "0",
      LOG_LEVEL: "loud",
      AUTH_JWT_SECRET: "tooshort",
    });
    for (
      const name of [
        "SERVER_HTTP_PORT",
        "CACHE_DEFAULT_TTL",
        "REDIS_POOL_SIZE",
        "LOG_LEVEL",
        "AUTH_JWT_SECRET",
        "REDIS_ADDRESSES",
      ]
    ) assert.ok(message.includes(name), `${name} is not in\n${message}`);
    assert.equal(message.includes("tooshort"), false);
  },
});

serverTest({
  name: "without any AUTH setting it refuses and says what to set",
  needs: [],
  async fn(): Promise<void> {
    const { AUTH_ENABLED: _, ...settings } = memorySettings();
    const message = await refusal(settings);
    for (const name of ["AUTH_JWT_SECRET", "AUTH_JWKS_URL", "AUTH_ENABLED=false"]) {
      assert.ok(message.includes(name), `${name} is not in\n${message}`);
    }
  },
});

serverTest({
  name: "AUTH_ENABLED=false where others can reach it needs AUTH_ALLOW_INSECURE=true",
  needs: [],
  async fn(): Promise<void> {
    const open = { ...memorySettings(), SERVER_HOST: "0.0.0.0" };
    assert.match(await refusal(open), /AUTH_ALLOW_INSECURE/);
    const { code } = await runCommand(["config"], { ...open, AUTH_ALLOW_INSECURE: "true" });
    assert.equal(code, 0);
  },
});

serverTest({
  name: "a misspelt setting is refused, with the one that was meant",
  needs: [],
  async fn(): Promise<void> {
    const message = await refusal({ ...memorySettings(), REDIS_ADRESSES: "127.0.0.1:6379" });
    assert.match(message, /REDIS_ADRESSES.*REDIS_ADDRESSES/);
  },
});

serverTest({
  name: "what a kubelet injects is ignored, without a word",
  needs: [],
  async fn(): Promise<void> {
    const { code, stderr } = await runCommand(["config"], {
      ...memorySettings(),
      ...injected("REDIS", 6379),
      ...injected("CACHE_SERVICE", 8080),
      ...injected("METRICS", 9090),
    });
    assert.deepEqual([code, stderr], [0, ""]);
  },
});

/** The variables that every container gets for a Service of its namespace. */
function injected(name: string, port: number): Record<string, string> {
  const address = `tcp://10.0.0.1:${port}`;
  return {
    [`${name}_SERVICE_HOST`]: "10.0.0.1",
    [`${name}_SERVICE_PORT`]: `${port}`,
    [`${name}_SERVICE_PORT_MAIN`]: `${port}`,
    [`${name}_PORT`]: address,
    [`${name}_PORT_${port}_TCP`]: address,
    [`${name}_PORT_${port}_TCP_ADDR`]: "10.0.0.1",
    [`${name}_PORT_${port}_TCP_PORT`]: `${port}`,
    [`${name}_PORT_${port}_TCP_PROTO`]: "tcp",
  };
}

const PORTS = ["SERVER_HTTP_PORT", "SERVER_GRPC_PORT"] as const;
for (const taken of SERVES_GRPC ? PORTS : PORTS.slice(0, 1)) {
  serverTest({
    name: `${taken} in use: says so, and binds neither port`,
    needs: [],
    async fn(): Promise<void> {
      const settings = memorySettings();
      using _listener = Deno.listen({ hostname: "127.0.0.1", port: Number(settings[taken]) });
      const { code, stderr } = await runCommand(["serve"], settings);
      assert.equal(code, 69, stderr);
      assert.match(stderr, /in use/);
      assert.ok(stderr.includes(taken), stderr);
      // The library would otherwise show where in the source it happened.
      assert.equal(stderr.includes("    at "), false, stderr);
      const other = taken === "SERVER_HTTP_PORT" ? "SERVER_GRPC_PORT" : "SERVER_HTTP_PORT";
      Deno.listen({ hostname: "127.0.0.1", port: Number(settings[other]) }).close();
    },
  });
}

// Requirements 9.1, 9.4: a faulty configuration ends the start at once and says all that is wrong.
import assert from "node:assert/strict";
import { serverTest } from "../support/backends.ts";
import { makeCertificates } from "../support/certificates.ts";
import { memorySettings, runCommand, SERVES_GRPC, type Settings } from "./service_process.ts";

const PRIVATE_PEM = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";

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
  name: "what files and keys hold is checked too, by serve and by config, all at once",
  needs: ["openssl"],
  async fn(): Promise<void> {
    const folder = await Deno.makeTempDir();
    try {
      const { certFile } = await makeCertificates(folder);
      const key = new Uint8Array(32).fill(7).toBase64();
      const files = {
        pem: PRIVATE_PEM,
        keys: `${key},no key`,
        other: "no key",
        ca: "no authority",
      };
      for (const [name, text] of Object.entries(files)) {
        await Deno.writeTextFile(`${folder}/${name}`, text);
      }
      const settings: Settings = {
        ...memorySettings(),
        AUTH_ENABLED: "true",
        AUTH_JWT_PUBLIC_KEY_FILE: `${folder}/pem`,
        AUTH_ENCRYPTION_KEY_FILE: `${folder}/keys`,
        SERVER_TLS_CERT_FILE: certFile,
        SERVER_TLS_KEY_FILE: `${folder}/other`,
        REDIS_TLS_CA_FILE: `${folder}/ca`,
        BROKER_TLS_CA_FILE: `${folder}/absent`,
      };
      const both = [settings, { ...settings, LOG_LEVEL: "loud" }];
      for (const given of both) {
        const message = await refusal(given);
        const { code, stderr } = await runCommand(["config"], given);
        assert.deepEqual([code, stderr], [78, message]);
        const faults = message.trimEnd().split("\n").slice(1).map((line) => line.split(" ")[3]);
        assert.deepEqual(faults.toSorted(), [
          "AUTH_ENCRYPTION_KEY_FILE",
          "AUTH_JWT_PUBLIC_KEY_FILE",
          "BROKER_TLS_CA_FILE",
          ...("LOG_LEVEL" in given ? ["LOG_LEVEL"] : []),
          "REDIS_TLS_CA_FILE",
          "SERVER_TLS_CERT_FILE",
        ]);
        assert(!message.includes(key) && !message.includes("c2VjcmV0"), message);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
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

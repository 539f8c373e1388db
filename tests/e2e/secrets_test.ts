// Requirements 5.5, 6.6, 9.6: whatever goes wrong, no secret, token, key or value is shown.
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { SignJWT } from "jose";
import { serverTest } from "../support/backends.ts";
import { freePort } from "../support/free_port.ts";
import { startRedis } from "../support/redis_server.ts";
import { waitFor } from "../support/wait_for.ts";
import { Confidential, randomText } from "./confidential.ts";
import {
  memorySettings,
  redisSettings,
  runCommand,
  ServiceProcess,
  type Settings,
} from "./service_process.ts";
import { askWrongly, showBadCredentials } from "./provocations.ts";
import { tokenMaker, WatchfulClient } from "./watchful_client.ts";

const REDACTED = "[redacted]";
const UTF8 = new TextEncoder();

/** A secret of each setting that has one. */
function makeSecrets(hidden: Confidential): Record<string, string> {
  const key = crypto.getRandomValues(new Uint8Array(32));
  hidden.add("bytes of AUTH_ENCRYPTION_KEY", key.toHex());
  const broker = hidden.add("password in BROKER_URL", randomText());
  return {
    REDIS_PASSWORD: hidden.add("REDIS_PASSWORD", randomText()),
    AUTH_JWT_SECRET: hidden.add("AUTH_JWT_SECRET", randomText(48)),
    AUTH_ENCRYPTION_KEY: hidden.add("AUTH_ENCRYPTION_KEY", key.toBase64()),
    BROKER_PASSWORD: hidden.add("BROKER_PASSWORD", randomText()),
    BROKER_URL: `amqp://broker:${broker}@127.0.0.1:5672`,
  };
}

serverTest({
  name: "no secret, token, key or value is in a refusal, an answer or the log",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    const hidden = new Confidential();
    const secrets = makeSecrets(hidden);
    const { REDIS_PASSWORD: password = "", AUTH_JWT_SECRET: secret = "" } = secrets;
    await using redis = await startRedis({ password });
    await using service = await ServiceProcess.start({
      ...redisSettings([redis.address]),
      ...secrets,
      AUTH_ENABLED: "true",
      CACHE_ENCRYPT_NAMESPACES: "sealed",
      CACHE_JOURNAL_MAX_ENTRIES: "1",
      SERVER_GRACEFUL_TIMEOUT: "1s",
      LOG_LEVEL: "debug",
      LOG_KEYS: "hash",
      GRPC_REFLECTION: "true",
    });
    using client = new WatchfulClient(service, hidden);
    const authorization = await tokenMaker(secret, hidden)({
      sub: "ann",
      namespace: ["own", "sealed"],
      jti: randomText(),
    });
    for (const path of ["/health", "/ready", "/live", "/metrics", "/openapi.json"]) {
      await client.rest(path, { status: 200 });
    }
    await showBadCredentials(client, secret);
    await askWrongly(client, authorization);

    for (const url of [service.origin, `http://127.0.0.1:${freePort()}`]) {
      const token = { CACHE_SERVICE_TOKEN: hidden.add("token", randomText()) };
      const { code, stdout, stderr } = await runCommand(["rewrap", "own", "--url", url], token);
      assert.ok(code !== 0 && code !== 2, stderr);
      hidden.assertAbsent(stdout + stderr, "a failed command");
    }

    // What Redis holds is altered behind the service.
    const key = client.content.add("key", randomText());
    const value = client.content.add("value", randomText());
    const body = JSON.stringify({ value: UTF8.encode(value).toBase64() });
    const noCache = { authorization, headers: { "cache-control": "no-cache" } };
    for (const namespace of ["own", "sealed"]) {
      const path = `/api/v1/cache/${namespace}/${key}`;
      await client.rest(path, { status: 200, method: "PUT", body, authorization });
      await client.rest(path, { status: 200, ...noCache });
      await client.grpc("Get", { code: 0, request: { namespace, key }, authorization });
    }
    const sealed = `/api/v1/cache/sealed/${key}`;
    const stored = `cache:sealed:${key}`;
    await redis.command(
      "SETRANGE",
      stored,
      `${Number(await redis.command("STRLEN", stored)) - 4}`,
      "!",
    );
    await client.rest(sealed, { status: 500, ...noCache });
    await redis.command("COPY", `cache:own:${key}`, stored, "REPLACE");
    await client.rest(sealed, { status: 500, ...noCache });
    await redis.command("SET", stored, value);
    await client.rest(sealed, { status: 500, ...noCache });
    await client.grpc("Get", { code: 13, request: { namespace: "sealed", key }, authorization });

    await redis.kill();
    await client.rest(`/api/v1/cache/own/${key}`, { status: 200, ...noCache });
    await client.rest(`/api/v1/cache/own/${key}x`, { status: 404, ...noCache });
    await client.rest(sealed, { status: 200, method: "PUT", body, authorization });
    await client.rest(`${sealed}x`, { status: 503, method: "PUT", body, authorization });
    const request = { namespace: "own", key: `${key}y`, value: UTF8.encode(value) };
    await client.grpc("Set", { code: 14, request, authorization });
    await client.rest("/health", { status: 200 });

    service.signal("SIGTERM");
    await service.ended;
    const output = service.output();
    assert.ok(service.logLines().length > 3, output);
    hidden.assertAbsent(output, "the log");
    client.content.assertAbsent(output, "the log");
  },
});

serverTest({
  name: "no secret out of a file is shown, also where Redis refuses it or a key file breaks",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    const hidden = new Confidential();
    const { AUTH_JWT_SECRET: _, ...secrets } = makeSecrets(hidden);
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const pem = (key: typeof publicKey, type: "spki" | "pkcs8"): string =>
      `${key.export({ type, format: "pem" })}`;
    hidden.add("private key", pem(privateKey, "pkcs8").split("\n")[1] ?? "");
    const folder = await Deno.makeTempDir({ prefix: "cache-service-test-" });
    const write = (name: string, text: string): Promise<void> =>
      Deno.writeTextFile(`${folder}/${name}`, text);
    try {
      await write("public.pem", pem(publicKey, "spki"));
      for (const [name, text] of Object.entries(secrets)) await write(name, `${text}\n`);
      await using redis = await startRedis({ password: "another one" });
      await using service = await ServiceProcess.start({
        ...redisSettings([redis.address]),
        ...Object.fromEntries(
          Object.keys(secrets).map((name) => [`${name}_FILE`, `${folder}/${name}`]),
        ),
        AUTH_ENABLED: "true",
        AUTH_JWT_PUBLIC_KEY_FILE: `${folder}/public.pem`,
        LOG_LEVEL: "debug",
      });
      const warnings = (): number =>
        service.logLines().filter(({ level }) => level === "warn" || level === "error").length;
      const before = warnings();
      await write("public.pem", pem(privateKey, "pkcs8"));
      await write("AUTH_ENCRYPTION_KEY", hidden.add("broken key", `${randomText(33)}, nonsense`));
      await waitFor(() => warnings() >= before + 2, {
        deadlineMs: 30_000,
        what: "both key files to be found broken",
      });
      service.signal("SIGTERM");
      await service.ended;
      hidden.assertAbsent(service.output(), "the log");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

serverTest({
  name: "no secret is in what `config` prints, or in what is said of faulty settings",
  needs: [],
  async fn(): Promise<void> {
    const hidden = new Confidential();
    const settings: Settings = {
      ...memorySettings(),
      ...makeSecrets(hidden),
      AUTH_ENABLED: "true",
    };
    const shown = await runCommand(["config"], settings);
    assert.equal(shown.code, 0, shown.stderr);
    hidden.assertAbsent(shown.stdout + shown.stderr, "config");
    const printed = JSON.parse(shown.stdout);
    assert.equal(printed.AUTH_JWT_SECRET, REDACTED);
    assert.equal(printed.AUTH_ENCRYPTION_KEY, REDACTED);
    assert.equal(printed.BROKER_URL, `amqp://broker:${REDACTED}@127.0.0.1:5672`);

    const password = hidden.add("password in a URL", randomText());
    const faulty = {
      ...settings,
      REDIS_ADDRESSES: `redis://user:${password}@127.0.0.1:6379`,
      AUTH_JWT_SECRET: hidden.add("short AUTH_JWT_SECRET", randomText(20)),
      AUTH_JWKS_URL: `https://user:${password}@id.example/jwks`,
      AUTH_ENCRYPTION_KEY: `${settings.AUTH_ENCRYPTION_KEY},${password}`,
      BROKER_TYPE: "kafka",
      BROKER_URL: `http://user:${password}@127.0.0.1:5672`,
      TRACING_ENDPOINT: `http://user:${password}@127.0.0.1:4318`,
    };
    for (const command of ["serve", "config"]) {
      const { code, stdout, stderr } = await runCommand([command], faulty);
      assert.equal(code, 78, stderr);
      const names = ["REDIS_ADDRESSES", "AUTH_JWT_SECRET", "AUTH_JWKS_URL", "AUTH_ENCRYPTION_KEY"];
      for (const name of [...names, "BROKER_URL", "TRACING_ENDPOINT"]) {
        assert.ok(stderr.includes(name), `${name} is not in\n${stderr}`);
      }
      hidden.assertAbsent(stdout + stderr, `the refusal of ${command}`);
    }
  },
});

serverTest({
  name: "nothing of what a JWKS host answers is shown",
  needs: [],
  async fn(): Promise<void> {
    const hidden = new Confidential();
    const { privateKey } = generateKeyPairSync("ed25519");
    const jwk = privateKey.export({ format: "jwk" });
    hidden.add("private key", jwk.d ?? "");
    const garbage = hidden.add("answer of the JWKS host", randomText());
    for (const answer of [JSON.stringify({ keys: [jwk] }), `{"keys":${garbage}}`]) {
      const port = freePort();
      await using _host = Deno.serve(
        { hostname: "127.0.0.1", port, onListen: () => {} },
        () => new Response(answer),
      );
      await using service = await ServiceProcess.start({
        ...memorySettings(),
        AUTH_ENABLED: "true",
        AUTH_JWKS_URL: `http://127.0.0.1:${port}/jwks`,
        LOG_LEVEL: "debug",
      });
      using client = new WatchfulClient(service, hidden);
      const token = await new SignJWT({ namespace: "own" })
        .setProtectedHeader({ alg: "EdDSA" })
        .setExpirationTime("1h")
        .sign(privateKey);
      const authorization = `Bearer ${hidden.addToken("token", token)}`;
      const isKeySet = answer.includes("kty");
      await client.rest("/api/v1/cache/own/k", { status: isKeySet ? 401 : 503, authorization });
      service.signal("SIGTERM");
      await service.ended;
      hidden.assertAbsent(service.output(), "the log");
    }
  },
});

// Requirement 7.4: an operator rotates the encryption key.
import assert from "node:assert/strict";
import { serverTest } from "../support/backends.ts";
import { makeCertificates } from "../support/certificates.ts";
import { freePort } from "../support/free_port.ts";
import { startRedis } from "../support/redis_server.ts";
import { JWT_SECRET, signToken } from "../support/tokens.ts";
import { waitFor } from "../support/wait_for.ts";
import { redisSettings, runCommand, ServiceProcess, type Settings } from "./service_process.ts";

const newKey = (): string => crypto.getRandomValues(new Uint8Array(32)).toBase64();
const admin = { namespace: "demo", scopes: ["cache:admin", "cache:read", "cache:write"] };

serverTest({
  name: "rewrap moves a namespace to a new key, after which the old one can go",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis();
    const [oldKey, key] = [newKey(), newKey()];
    const settings: Settings = {
      ...redisSettings([redis.address]),
      AUTH_ENABLED: "true",
      AUTH_JWT_SECRET: JWT_SECRET,
    };
    const token = await signToken(admin);
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
    const cache = `http://127.0.0.1:${settings.SERVER_HTTP_PORT}/api/v1/cache/demo`;
    const call = async (path: string, init: RequestInit = {}): Promise<unknown> =>
      await (await fetch(`${cache}${path}`, { ...init, headers })).json();
    {
      await using _old = await ServiceProcess.start({ ...settings, AUTH_ENCRYPTION_KEY: oldKey });
      const entries = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`k${i}`, "AQID"]));
      const body = JSON.stringify({ entries, encrypt: true });
      await call("/batch/set", { method: "POST", body });
      await call("/plain", { method: "PUT", body: JSON.stringify({ value: "" }) });
    }
    {
      const AUTH_ENCRYPTION_KEY = `${key},${oldKey}`;
      await using service = await ServiceProcess.start({ ...settings, AUTH_ENCRYPTION_KEY });
      const env = { CACHE_SERVICE_TOKEN: token, CACHE_SERVICE_URL: service.origin };
      const first = await runCommand(["rewrap", "demo"], env);
      assert.deepEqual([first.code, first.stdout, first.stderr], [
        0,
        "demo: 1001 scanned, 1000 rewrapped, 0 current, 1 plain, 0 superseded, 0 failed, 0 invalid\n",
        "",
      ]);
      const again = await runCommand(["rewrap", "demo", "--json"], env);
      assert.deepEqual([again.code, again.stderr], [0, ""]);
      const lines = again.stdout.trim().split("\n").map((line) => JSON.parse(line));
      assert.deepEqual(lines.at(-1), {
        scanned: 1001,
        rewrapped: 0,
        current: 1000,
        plain: 1,
        invalid: 0,
        failed: 0,
        superseded: 0,
        done: true,
      });
      const log = await service.logged("A rewrap ended.");
      assert.equal(log.namespace, "demo");
      assert.equal(log.rewrapped, 1000);
    }
    await using _new = await ServiceProcess.start({ ...settings, AUTH_ENCRYPTION_KEY: key });
    const keys = Array.from({ length: 1000 }, (_, i) => `k${i}`);
    const read = await call("/batch/get", { method: "POST", body: JSON.stringify({ keys }) });
    assert.deepEqual(read, {
      values: Object.fromEntries(keys.map((key) => [key, "AQID"])),
      missing_keys: [],
    });
  },
});

serverTest({
  name: "rewrap without the right token, key or service says so by its exit code",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis();
    const settings: Settings = {
      ...redisSettings([redis.address]),
      AUTH_ENABLED: "true",
      AUTH_JWT_SECRET: JWT_SECRET,
    };
    await using service = await ServiceProcess.start(settings);
    const folder = await Deno.makeTempDir();
    const rewrap = async (args: string[], env: Record<string, string> = {}): Promise<unknown[]> => {
      const { code, stdout, stderr } = await runCommand(["rewrap", ...args], {
        CACHE_SERVICE_URL: service.origin,
        ...env,
      });
      assert.equal(stdout, "");
      return [code, stderr];
    };
    try {
      const tokenFile = `${folder}/token`;
      await Deno.writeTextFile(tokenFile, `${await signToken(admin)}\n`);
      const withToken = ["--token-file", tokenFile];
      const CACHE_SERVICE_TOKEN = await signToken({ namespace: "demo" });

      const cases: [string[], Record<string, string>, number, RegExp][] = [
        [["demo"], {}, 1, /token-file.* \(unauthorized, correlation id [\w-]{36}\)\n$/],
        [["demo"], { CACHE_SERVICE_TOKEN }, 1, /cache:admin.* \(forbidden, /],
        [["other", ...withToken], {}, 1, /\(forbidden, /],
        [["a:b", ...withToken], {}, 1, /\(invalid_namespace, /],
        [["demo", ...withToken], {}, 1, /\(encryption_unavailable, /],
        [
          ["demo", "--url", `http://127.0.0.1:${freePort()}`],
          {},
          69,
          /^http:\/\/127\.0\.0\.1:\d+ did not answer: Connection refused/,
        ],
        [[], {}, 2, /^rewrap takes NAMESPACE; 0 were given\.\n\nusage: cache-service rewrap/],
        [["demo", "--token", "x"], {}, 2, /^Unknown option '--token'\.\n/],
        [["demo", "--url", "ftp://x"], {}, 2, /^The URL must be/],
        [["demo", "--url", "http://user:pass@x"], {}, 2, /^The URL must not hold/],
        [["demo", "--token-file", `${folder}/none`], {}, 2, /^--token-file cannot be read: NotF/],
        [["demo"], { CACHE_SERVICE_TOKEN: "to ken" }, 2, /^The token holds a character/],
      ];
      for (const [args, env, code, message] of cases) {
        const [exitCode, stderr] = await rewrap(args, env);
        assert.equal(exitCode, code, `${args}: ${stderr}`);
        assert.match(String(stderr), message);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

const COUNTS =
  '"scanned":9,"rewrapped":1,"current":2,"plain":0,"invalid":0,"failed":3,"superseded":0';

serverTest({
  name: "rewrap trusts an authority that is named, and tells how the other side went wrong",
  needs: ["openssl"],
  async fn(): Promise<void> {
    const folder = await Deno.makeTempDir();
    const { caFile, certFile, keyFile } = await makeCertificates(folder);
    const answers: Record<string, () => Response> = {
      failed: () => new Response(`{${COUNTS}}\n{${COUNTS},"done":true}\n`),
      broken: () => new Response(`{${COUNTS}}\n`),
      foreign: () => new Response("<html></html>"),
      proxy: () => new Response("<html></html>", { status: 502 }),
      elsewhere: () => Response.redirect("https://127.0.0.1/", 307),
    };
    await using server = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      cert: Deno.readTextFileSync(certFile),
      key: Deno.readTextFileSync(keyFile),
      onListen: () => {},
    }, ({ url }) => answers[url.split("/").at(-1) ?? ""]?.() ?? new Response("", { status: 404 }));
    const CACHE_SERVICE_URL = `https://127.0.0.1:${server.addr.port}/behind/`;
    const rewrap = (...args: string[]) =>
      runCommand(["rewrap", ...args], { CACHE_SERVICE_URL, CACHE_SERVICE_TOKEN: "secret" });
    try {
      const unknown = await rewrap("failed");
      assert.equal(unknown.code, 69);
      assert.match(unknown.stderr, /did not answer: UnknownIssuer/);

      const cases: [string, number, RegExp][] = [
        ["failed", 1, /^$/],
        ["broken", 69, /^The service went away before it was done\.\n$/],
        ["foreign", 1, /^The answer is not that of a cache-service\.\n$/],
        ["proxy", 69, /^The answer was 502, and not by a cache-service\.\n$/],
        ["elsewhere", 1, /^The answer was 307, /],
      ];
      for (const [namespace, code, message] of cases) {
        const result = await rewrap(namespace, "--ca-file", caFile);
        assert.equal(result.code, code, `${namespace}: ${result.stderr}`);
        assert.match(result.stderr, message);
        if (namespace !== "failed") continue;
        assert.match(result.stdout, /^failed: 9 scanned, 1 rewrapped, .* 3 failed, 0 invalid\n$/);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

serverTest({
  name: "a rewrap ends with its client, and does not hold up the end of the service",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis();
    const settings: Settings = redisSettings([redis.address]);
    const [oldKey, key] = [newKey(), newKey()];
    {
      await using service = await ServiceProcess.start({
        ...settings,
        AUTH_ENCRYPTION_KEY: oldKey,
      });
      for (let batch = 0; batch < 80; batch++) {
        const names = Array.from({ length: 1000 }, (_, i) => [`k${batch}-${i}`, "AQID"]);
        const response = await fetch(`${service.origin}/api/v1/cache/demo/batch/set`, {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ entries: Object.fromEntries(names), encrypt: true }),
        });
        assert.equal((await response.json()).stored_count, 1000);
      }
    }
    const AUTH_ENCRYPTION_KEY = `${key},${oldKey}`;
    await using service = await ServiceProcess.start({
      ...settings,
      AUTH_ENCRYPTION_KEY,
      SERVER_REQUEST_TIMEOUT: "1s",
    });
    const client = new AbortController();
    const response = await fetch(`${service.origin}/api/v1/admin/rewrap/demo`, {
      method: "POST",
      signal: client.signal,
    });
    const lines = response.body?.getReader();
    // The third comes after the request timeout.
    for (let i = 0; i < 3; i++) assert.equal((await lines?.read())?.done, false);
    client.abort();
    assert.equal((await service.logged("A rewrap ended early.")).code, "deadline_exceeded");

    const cli = runCommand(["rewrap", "demo"], { CACHE_SERVICE_URL: service.origin });
    await waitFor(
      () => service.logLines().filter(({ message }) => message === "A rewrap began.").length === 2,
      { deadlineMs: 10_000, what: "the second rewrap" },
    );
    const stoppedAt = performance.now();
    service.signal("SIGTERM");
    assert.equal((await service.ended).code, 0);
    assert(performance.now() - stoppedAt < 5000);
    const { code, stderr } = await cli;
    assert.deepEqual([code, /^The service is stopping.*\(overloaded, /.test(stderr)], [69, true]);
  },
});

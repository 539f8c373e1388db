// Requirement 10.5: the command line of a running service.
import assert from "node:assert/strict";
import { serverTest, sharedServer } from "../support/backends.ts";
import { freePort } from "../support/free_port.ts";
import { JWT_SECRET, signToken } from "../support/tokens.ts";
import {
  type CommandResult,
  memorySettings,
  runCommand,
  ServiceProcess,
} from "./service_process.ts";

const ENCRYPTION_KEY = new Uint8Array(32).fill(7).toBase64();
const BYTES = Uint8Array.from({ length: 100_000 }, (_, i) => i * 31 % 256);
const CLIENT_COMMANDS = [
  ["get", "demo", "a"],
  ["set", "demo", "a", "1"],
  ["del", "demo", "a"],
  ["batch-get", "demo", "a"],
  ["bench", "--namespace", "demo", "--seconds", "1"],
];

const service = sharedServer({
  needs: [],
  start: () =>
    ServiceProcess.start({
      ...memorySettings(),
      AUTH_ENABLED: "true",
      AUTH_JWT_SECRET: JWT_SECRET,
      AUTH_ENCRYPTION_KEY: ENCRYPTION_KEY,
      CACHE_MAX_VALUE_BYTES: "200000",
    }),
});

/** Runs a command with a token for the namespaces `demo` and `bench`. */
async function run(
  args: readonly string[],
  stdin?: Uint8Array<ArrayBuffer>,
): Promise<CommandResult> {
  const env = {
    CACHE_SERVICE_URL: service().origin,
    CACHE_SERVICE_TOKEN: await signToken({ namespace: ["demo", "bench"] }),
  };
  return await runCommand(args, env, stdin === undefined ? {} : { stdin });
}

/** The same, for a command that succeeds: what it prints. */
async function printed(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(args);
  assert.deepEqual([code, stderr], [0, ""], `${args}`);
  return stdout;
}

serverTest({
  name: "a value comes back as it went in, and is gone when it is deleted",
  needs: [],
  async fn(): Promise<void> {
    assert.equal(await printed("set", "demo", "greeting", "grüß dich"), "stored\n");
    // Not one byte more: a pipe gets the value alone.
    assert.equal(await printed("get", "demo", "greeting"), "grüß dich");
    assert.equal(await printed("del", "demo", "greeting"), "deleted\n");
    assert.equal(await printed("del", "demo", "greeting", "--json"), '{"deleted":false}\n');

    const miss = await run(["get", "demo", "greeting"]);
    assert.deepEqual([miss.code, miss.stdout], [1, ""]);
    assert.match(miss.stderr, /\(key_not_found, correlation id /);
    const jsonMiss = await run(["get", "demo", "greeting", "--json"]);
    assert.deepEqual([jsonMiss.code, jsonMiss.stdout, jsonMiss.stderr], [
      1,
      '{"found":false}\n',
      "",
    ]);
  },
});

serverTest({
  name: "a value may be any bytes on standard input, none at all, or begin with a dash",
  needs: [],
  async fn(): Promise<void> {
    assert.equal((await run(["set", "demo", "bytes"], BYTES)).code, 0);
    assert.deepEqual((await run(["get", "demo", "bytes"])).stdoutBytes, BYTES);

    await printed("set", "demo", "empty", "");
    assert.equal(await printed("get", "demo", "empty"), "");
    assert.equal((await run(["set", "demo", "nothing"], new Uint8Array())).code, 0);
    assert.equal(await printed("get", "demo", "nothing"), "");

    await printed("set", "demo", "negative", "--", "-5");
    assert.equal(await printed("get", "demo", "negative"), "-5");

    const tooLarge = await run(["set", "demo", "bytes"], new Uint8Array(3_000_000));
    assert.deepEqual([tooLarge.code, tooLarge.stdout], [1, ""]);
    assert.match(tooLarge.stderr, /\(value_too_large, /);
  },
});

serverTest({
  name: "set names a TTL in a unit or in seconds, and seals",
  needs: [],
  async fn(): Promise<void> {
    for (const [ttl, seconds] of [["90", 90], ["2m", 120], ["60s", 60]] as const) {
      await printed("set", "demo", "short", "x", "--ttl", ttl, "--encrypt");
      const hit = JSON.parse(await printed("get", "demo", "short", "--json"));
      assert.equal(hit.value, "eA==");
      assert(hit.ttl_seconds <= seconds && hit.ttl_seconds > seconds - 30, `${hit.ttl_seconds}`);
    }
    for (const ttl of ["0", "1.5s", "soon", "31d", "9999999999", "-1"]) {
      const { code, stdout, stderr } = await run(["set", "demo", "short", "x", `--ttl=${ttl}`]);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, /^--ttl must be whole seconds from 1s to 720h; got "/);
    }
  },
});

serverTest({
  name: "every key is reached by the name it has",
  needs: [],
  async fn(): Promise<void> {
    const keys = ["a/b", "%2F", "a b?c#d", "ключ", "__proto__", "..%2f", "invalidate", ".", ".."];
    for (const key of keys) {
      await printed("set", "demo", key, `value of ${key}`, "--ttl", "60");
      assert.equal(await printed("get", "demo", key), `value of ${key}`);
    }
    const dot = JSON.parse(await printed("get", "demo", ".", "--json"));
    assert.deepEqual(dot, {
      found: true,
      value: new TextEncoder().encode("value of .").toBase64(),
    });
    const lines = (await printed("batch-get", "demo", ...keys, "--json")).trimEnd().split("\n");
    const found = lines.map((line) => JSON.parse(line)).map(({ key, found, value }) =>
      found && [key, new TextDecoder().decode(Uint8Array.fromBase64(value))]
    );
    assert.deepEqual(found, keys.map((key) => [key, `value of ${key}`]));

    await printed("del", "demo", "a/b");
    const dots = await run(["del", "demo", ".."]);
    assert.equal(dots.code, 2);
    assert.match(dots.stderr, /^No path leads to a key of one or two dots; /);
    assert.equal((await run(["get", "demo", ""])).code, 1);
    await printed("set", "demo", "a", "x");
    assert.equal((await run(["get", "..", "a"])).code, 1);
  },
});

serverTest({
  name: "batch-get tells of each key in turn, and ends with 1 where one is missing",
  needs: [],
  async fn(): Promise<void> {
    await printed("set", "demo", "1", "one\n");
    assert.equal((await run(["set", "demo", "2"], new Uint8Array([255, 0]))).code, 0);
    const text = await run(["batch-get", "demo", "none", "2", "1"]);
    assert.deepEqual([text.code, text.stdout, text.stderr], [
      1,
      '"none"  missing\n"2"  2 bytes that are no text\n"1"  "one\\n"\n',
      "",
    ]);
    const json = await run(["batch-get", "demo", "--json", "none", "1"]);
    assert.deepEqual([json.code, json.stdout], [
      1,
      '{"key":"none","found":false}\n{"key":"1","found":true,"value":"b25lCg=="}\n',
    ]);
    assert.equal(await printed("batch-get", "demo", "1"), '"1"  "one\\n"\n');
  },
});

serverTest({
  name: "client commands without the right token, words or service say so by their exit codes",
  needs: [],
  async fn(): Promise<void> {
    const { origin } = service();
    const away = `http://127.0.0.1:${freePort()}`;
    const readOnly = await signToken({ namespace: "demo", scopes: ["cache:read"] });
    for (const args of CLIENT_COMMANDS) {
      const absent = await runCommand(args, { CACHE_SERVICE_URL: origin });
      assert.deepEqual([absent.code, absent.stdout], [1, ""], `${args}`);
      assert.match(absent.stderr, /Set CACHE_SERVICE_TOKEN.* \(unauthorized, /);

      const foreign = await run(args.map((word) => word === "demo" ? "other" : word));
      assert.deepEqual([foreign.code, foreign.stdout], [1, ""], `${args}`);
      assert.match(foreign.stderr, /\(forbidden, /);

      const gone = await runCommand([...args, "--url", away]);
      assert.deepEqual([gone.code, gone.stdout], [69, ""], `${args}`);
      assert.match(gone.stderr, /^http:\/\/127\.0\.0\.1:\d+ did not answer: /);

      const unknown = await runCommand([...args, "--nonsense"]);
      assert.equal(unknown.code, 2);
      assert.match(unknown.stderr, new RegExp(`usage: cache-service ${args[0]} `));
    }
    const env = { CACHE_SERVICE_URL: origin, CACHE_SERVICE_TOKEN: readOnly };
    assert.equal((await runCommand(["set", "demo", "a", "1"], env)).code, 1);
  },
});

serverTest({
  name: "every command of the client has help with an example",
  needs: [],
  async fn(): Promise<void> {
    const commands = [...CLIENT_COMMANDS.map(([name = ""]) => name), "health", "version"];
    const list = (await runCommand(["--help"])).stdout;
    for (const name of commands) {
      assert.match(list, new RegExp(`^  ${name} `, "m"));
      const { code, stdout, stderr } = await runCommand([name, "--help"]);
      assert.deepEqual([code, stderr], [0, ""]);
      assert.match(stdout, new RegExp(`^usage: cache-service ${name} `));
      assert.match(stdout, new RegExp(`^Examples?:\n  .*cache-service ${name}`, "m"));
    }
  },
});

serverTest({
  name: "bench counts what it asks for and how long the answers took",
  needs: [],
  async fn(): Promise<void> {
    const small = ["bench", "--seconds", "1", "--connections", "4", "--keys", "20"];
    const report = JSON.parse(await printed(...small, "--json", "--value-bytes", "10"));
    assert.equal(report.namespace, "bench");
    assert.deepEqual([report.connections, report.value_bytes, report.keys], [4, 10, 20]);
    assert(report.seconds >= 1 && report.seconds < 10);
    const { get, set } = report.operations;
    assert(get.requests > set.requests && set.requests > 0);
    for (const { failed, misses, p50_ms, p90_ms, p99_ms, max_ms, ...counts } of [get, set]) {
      assert.deepEqual([failed, misses], [0, 0]);
      assert(0 < p50_ms && p50_ms <= p90_ms && p90_ms <= p99_ms && p99_ms <= max_ms);
      assert(Math.abs(counts.per_second - counts.requests / report.seconds) < 20);
    }
    const value = JSON.parse(await printed("get", "bench", "bench-19", "--json"));
    assert.equal(Uint8Array.fromBase64(value.value).length, 10);
    assert(value.ttl_seconds <= 61);

    const readOnly = await printed(...small, "--reads", "1");
    assert.match(readOnly, /^ +requests +misses +failed +req\/s +p50 +p90 +p99 +max \(ms\)\n/);
    assert.match(readOnly, /^get +[1-9]\d* +0 +0 +\d+( +\d+\.\d\d){4}\nset +0 +0 +0 +0 /m);

    for (const option of ["--reads=2", "--reads=", "--seconds=0", "--keys=x", "--connections=-1"]) {
      assert.equal((await run(["bench", option])).code, 2, option);
    }
  },
});

serverTest({
  name: "bench tells how many calls failed, and ends as the first of them",
  needs: [],
  async fn(): Promise<void> {
    let writes = 0;
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      ({ method }) => {
        if (method === "PUT" && writes++ < 2) return Response.json({ success: true });
        return new Response("", { status: 503 });
      },
    );
    const words = ["bench", "--seconds", "1", "--connections", "2", "--keys", "2", "--json"];
    const CACHE_SERVICE_URL = `http://127.0.0.1:${server.addr.port}`;
    const { code, stdout, stderr } = await runCommand(words, { CACHE_SERVICE_URL });
    assert.equal(code, 69);
    const { get, set } = JSON.parse(stdout).operations;
    assert.deepEqual([get.requests, set.requests], [0, 0]);
    // Two at a time, with a rest after each failure.
    assert(get.failed + set.failed >= 2 && get.failed + set.failed <= 22);
    assert.match(stderr, /^\d+ calls failed\. The first: The answer was 503, /);
  },
});

serverTest({
  name: "version tells what was built, for machines too",
  needs: [],
  async fn(): Promise<void> {
    const text = await runCommand(["version"]);
    assert.match(
      text.stdout,
      /^cache-service \d+\.\d+\.\d+ \((commit [0-9a-f]{7,64}, )?Deno \d+\.\d+\.\d+\)\n$/,
    );
    assert.equal((await runCommand(["--version"])).stdout, text.stdout);
    const { version, deno } = JSON.parse((await runCommand(["version", "--json"])).stdout);
    assert(text.stdout.includes(` ${version} `) && text.stdout.includes(`Deno ${deno})`));
  },
});

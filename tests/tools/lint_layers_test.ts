import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import plugin from "./lint_layers.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

function problems(path: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, ROOT + path, source)
    .map((diagnostic) => `${diagnostic.id}: ${diagnostic.message}`);
}

const allowedImports: readonly [path: string, specifier: string][] = [
  ["src/core/key.ts", "./limits.ts"],
  ["src/core/key_test.ts", "node:assert/strict"],
  ["src/core/key_test.ts", "../../tests/support/seeded_random.ts"],
  ["src/cache/near_cache.ts", "../core/clock.ts"],
  ["src/cache/near_cache.ts", "./lru.ts"],
  ["src/cache/near_cache.ts", "lru-cache"],
  ["src/cache/near_cache_test.ts", "../../tests/support/fake_clock.ts"],
  ["src/store/redis_store.ts", "../core/store.ts"],
  ["src/bus/kafka_bus.ts", "../core/bus.ts"],
  ["src/crypto/envelope.ts", "../core/entry.ts"],
  ["src/auth/policy.ts", "../core/errors.ts"],
  ["src/telemetry/metrics.ts", "../core/telemetry.ts"],
  ["src/telemetry/logger.ts", "../../deno.json"],
  ["src/http/routes.ts", "../cache/cache_service.ts"],
  ["src/http/routes.ts", "../auth/policy.ts"],
  ["src/grpc/service.ts", "../cache/cache_service.ts"],
  ["src/config.ts", "./config/durations.ts"],
  ["src/config/durations.ts", "../core/limits.ts"],
  ["src/config_test.ts", "./config.ts"],
  ["src/app.ts", "./store/redis_store.ts"],
  ["src/app.ts", "./config.ts"],
  ["src/app.ts", "./system.ts"],
  ["src/app_test.ts", "./app.ts"],
  ["src/cli/serve.ts", "../app.ts"],
  ["main.ts", "./src/app.ts"],
  ["main.ts", "./src/cli/serve.ts"],
  ["tests/support/faulty_store.ts", "../../src/core/store.ts"],
  ["tests/e2e/serve_test.ts", "../support/free_port.ts"],
  ["tests/integration/redis_test.ts", "../../src/app.ts"],
  ["tests/tools/count_results.ts", "../support/wait_for.ts"],
];

const refusedImports: readonly [path: string, specifier: string, says: string][] = [
  ["src/core/key.ts", "../cache/lru.ts", "core may import nothing of the project, not cache"],
  [
    "src/core/key.ts",
    "../../deno.json",
    "core may import nothing of the project, not deno.json",
  ],
  ["src/core/key.ts", "zod", "core may import no package, not zod"],
  ["src/core/key.ts", "node:buffer", "core may import no package, not node:buffer"],
  ["src/core/key_test.ts", "../cache/lru.ts", "core may import tests/support only, not cache"],
  ["src/cache/lru.ts", "../store/redis_store.ts", "cache may import core only, not store"],
  ["src/cache/lru.ts", "../../tests/support/fake_clock.ts", "not tests/support"],
  ["src/cache/lru.ts", "../../bench/run.ts", "cache may import core only, not bench"],
  ["src/cache/lru_test.ts", "../store/memory_store.ts", "not store"],
  ["src/store/redis_store.ts", "../cache/lru.ts", "store may import core only, not cache"],
  ["src/bus/kafka_bus.ts", "../telemetry/metrics.ts", "bus may import core only, not telemetry"],
  ["src/crypto/envelope.ts", "../auth/policy.ts", "crypto may import core only, not auth"],
  ["src/auth/policy.ts", "../crypto/envelope.ts", "auth may import core only, not crypto"],
  ["src/telemetry/metrics.ts", "../config.ts", "telemetry may import core only, not config"],
  [
    "src/http/routes.ts",
    "../grpc/service.ts",
    "http may import core, cache, auth, net only, not grpc",
  ],
  ["src/http/routes.ts", "../store/redis_store.ts", "not store"],
  ["src/http/routes_test.ts", "../store/memory_store.ts", "not store"],
  [
    "src/grpc/service.ts",
    "../http/problem.ts",
    "grpc may import core, cache, auth, net only, not http",
  ],
  ["src/grpc/service.ts", "../app.ts", "not app"],
  ["src/config.ts", "./app.ts", "config may import core only, not app"],
  ["src/config/durations.ts", "../store/redis_store.ts", "not store"],
  ["src/app.ts", "./cli/serve.ts", "not cli"],
  ["src/app.ts", "../main.ts", "not main"],
  ["src/cli/serve.ts", "../store/redis_store.ts", "cli may import core, config, app only"],
  ["src/store/redis_store.ts", "../system.ts", "store may import core only, not system"],
  ["src/unlisted/file.ts", "../store/redis_store.ts", "unlisted may import core only, not store"],
  ["main.ts", "./src/store/redis_store.ts", "not store"],
  ["main.ts", "./tests/support/fake_clock.ts", "not tests/support"],
  ["tests/support/faulty_store.ts", "../../src/store/memory_store.ts", "not store"],
  ["tests/e2e/serve_test.ts", "../../src/core/errors.ts", "not core"],
  ["tests/e2e/serve_test.ts", "../../main.ts", "not main"],
  ["tests/e2e/serve_test.ts", "../parity/cases.ts", "not tests/parity"],
];

for (const [path, specifier] of allowedImports) {
  Deno.test(`${path} may import ${specifier}`, () => {
    assert.deepEqual(problems(path, `import "${specifier}";`), []);
  });
}

for (const [path, specifier, says] of refusedImports) {
  Deno.test(`${path} may not import ${specifier}`, () => {
    const [first = "no problem", ...more] = problems(path, `import "${specifier}";`);
    assert.ok(first.startsWith("layers/imports: "), first);
    assert.ok(first.includes(says), first);
    assert.deepEqual(more, []);
  });
}

Deno.test("every form of import is checked", () => {
  const file = "../store/redis_store.ts";
  for (
    const source of [
      `import { a } from "${file}";`,
      `import type { A } from "${file}";`,
      `export { a } from "${file}";`,
      `export * from "${file}";`,
      `await import("${file}");`,
      `await import(\`${file}\`);`,
      `type A = import("${file}").A;`,
      `import "./../store/redis_store.ts";`,
      `import "${new URL("../../src/store/redis_store.ts", import.meta.url).href}";`,
    ]
  ) {
    assert.equal(problems("src/cache/lru.ts", source).length, 1, source);
  }
});

const ambient = [
  "Date.now()",
  "Date.now",
  "Date?.now()",
  'Date["now"]()',
  "globalThis.Date.now()",
  "new Date()",
  "new globalThis.Date()",
  "Date()",
  "setTimeout(f, 1)",
  "globalThis.setTimeout(f, 1)",
  'globalThis["setTimeout"](f, 1)',
  "schedule(setTimeout)",
  "setInterval(f, 1)",
  "Math.random()",
  "crypto.getRandomValues(bytes)",
  "globalThis.crypto.getRandomValues(bytes)",
  "crypto.randomUUID()",
  "performance.now()",
];

for (const code of ambient) {
  Deno.test(`${code} stays out of core and cache`, () => {
    for (const path of ["src/core/stamp.ts", "src/cache/recovery.ts", "src/cache/lru_test.ts"]) {
      const found = problems(path, code);
      assert.equal(found.length, 1, path);
      assert.match(found[0] ?? "", /^layers\/injected-time: (core|cache) may not use /);
    }
    assert.deepEqual(problems("src/store/redis_store.ts", code), []);
  });
}

Deno.test("time that is given is no ambient time", () => {
  const source = `
    new Date(0);
    clock.monotonicMs();
    clock.setTimer(f, 1);
    ring.now();
    crypto.subtle;
    Math.max(1, 2);
    clearTimeout(timer);
  `;
  assert.deepEqual(problems("src/core/stamp.ts", source), []);
});

Deno.test("files outside the project are none of its business", () => {
  const found = Deno.lint.runPlugin(plugin, "/elsewhere/src/core/a.ts", 'import "../store/b.ts";');
  assert.deepEqual(found, []);
});

Deno.test("deno lint runs this plugin", async () => {
  const config: unknown = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  assert.match(JSON.stringify(config), /"plugins":\["\.\/tests\/tools\/lint_layers\.ts"\]/);
});

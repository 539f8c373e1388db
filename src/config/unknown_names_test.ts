import assert from "node:assert/strict";
import { KNOWN_NAMES } from "./settings.ts";
import { findUnknownNames, isInjectedByKubelet } from "./unknown_names.ts";

Deno.test("a name within two edits of a setting is a fault that suggests it", () => {
  const cases: [string, string][] = [
    ["REDIS_ADDRESS", "REDIS_ADDRESSES"],
    ["REDIS_ADRESSES", "REDIS_ADDRESSES"],
    ["REDIS_ADDRESSSES", "REDIS_ADDRESSES"],
    ["REDIS_PASSWROD", "REDIS_PASSWORD"],
    ["REDIS_PASWROD", "REDIS_PASSWORD"],
    ["REDIS_PASSWORD_FIL", "REDIS_PASSWORD_FILE"],
    ["SERVER_HTPP_PROT", "SERVER_HTTP_PORT"],
    ["CACHE_MAX_MEMORY", ""],
    ["LOG_LEVLE", "LOG_LEVEL"],
    ["AUTH_JWT_SECRETS", "AUTH_JWT_SECRET"],
    ["GRPC_REFLEXION", "GRPC_REFLECTION"],
    ["TRACING_ENDPOINTS", "TRACING_ENDPOINT"],
  ];
  for (const [name, meant] of cases) {
    const { faults, warnings } = findUnknownNames([name], KNOWN_NAMES);
    if (meant === "") {
      assert.deepEqual(faults, []);
      assert.deepEqual(warnings, [`${name} is not a setting; it is ignored`]);
    } else {
      assert.deepEqual(faults, [`${name} is not a setting; did you mean ${meant}?`]);
      assert.deepEqual(warnings, []);
    }
  }
});

Deno.test("the nearest setting is suggested", () => {
  const known = new Set(["REDIS_AB", "REDIS_ABCD"]);
  assert.deepEqual(findUnknownNames(["REDIS_ABCX"], known).faults, [
    "REDIS_ABCX is not a setting; did you mean REDIS_ABCD?",
  ]);
});

Deno.test("names of others are left alone", () => {
  const others = ["PATH", "TEST_REDIS", "OTEL_SERVICE_NAME", "redis_db", "REDIS", "", "__proto__"];
  for (const name of [...others, ...KNOWN_NAMES]) {
    assert.deepEqual(findUnknownNames([name], KNOWN_NAMES), { faults: [], warnings: [] }, name);
  }
});

Deno.test("a hostile name stays on one short line, and many of them take little work", () => {
  const names = Array.from({ length: 2000 }, (_, i) => `REDIS_${i}\n${"A".repeat(i)}`);
  const { faults, warnings } = findUnknownNames(names, KNOWN_NAMES);
  assert.equal(faults.length + warnings.length, names.length);
  for (const message of [...faults, ...warnings]) {
    assert.ok(message.length < 200 && !message.includes("\n"), message);
  }
});

Deno.test("the variables of Kubernetes Services are told from settings", () => {
  const injected: [string, string][] = [
    ["REDIS_SERVICE_HOST", "10.0.0.1"],
    ["REDIS_SERVICE_PORT", "6379"],
    ["REDIS_SERVICE_PORT_RESP", "6379"],
    ["REDIS_PORT", "tcp://10.0.0.1:6379"],
    ["REDIS_PORT_6379_TCP", "tcp://10.0.0.1:6379"],
    ["REDIS_PORT_6379_TCP_ADDR", "10.0.0.1"],
    ["REDIS_PORT_6379_TCP_PORT", "6379"],
    ["REDIS_PORT_6379_TCP_PROTO", "tcp"],
    ["CACHE_SERVICE_SERVICE_HOST", "10.0.0.2"],
    ["CACHE_SERVICE_PORT", "tcp://10.0.0.2:8080"],
    ["CACHE_SERVICE_PORT_8080_TCP_ADDR", "10.0.0.2"],
    ["METRICS_PORT", "tcp://10.0.0.3:9090"],
  ];
  for (const [name, value] of injected) assert.ok(isInjectedByKubelet(name, value), name);
  for (const name of KNOWN_NAMES) assert.ok(!isInjectedByKubelet(name, "9090"), name);
  assert.ok(!isInjectedByKubelet("REDIS_PORT", "6379"));
});

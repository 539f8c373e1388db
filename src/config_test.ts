import assert from "node:assert/strict";
import fc from "fast-check";
import { propertyOptions } from "../tests/support/seeded_random.ts";
import { type Config, ConfigFaults, describeConfig, parseConfig } from "./config.ts";
import { DOUBTS, REQUIREMENTS } from "./config/relations.ts";
import { KNOWN_NAMES, SETTINGS } from "./config/settings.ts";
import { Secret } from "./core/secret.ts";

type Env = Record<string, string>;

const MEGABYTE = 1024 * 1024;
const JWT_SECRET = "a-secret-of-more-than-32-bytes-in-all";
const KEY = btoa("k".repeat(32));
const BASE: Env = { REDIS_ADDRESSES: "redis:6379", AUTH_JWT_SECRET: JWT_SECRET };
const FILES = new Map([
  ["/ok", "text"],
  ["/password", "from-file\n"],
  ["/password-crlf", "from-file\r\n"],
  ["/two-lines", "one\n\n"],
  ["/jwt", `${JWT_SECRET}\n`],
  ["/amqp", "amqp://user:pass@rabbit\n"],
  ["/empty", "\n"],
]);

function readFile(path: string): string {
  const text = FILES.get(path);
  if (text === undefined) throw new Deno.errors.NotFound(`no ${path}`);
  return text;
}

function parse(env: Env, cgroupMemoryLimitBytes?: number): ReturnType<typeof parseConfig> {
  return parseConfig(env, { readFile, ...(cgroupMemoryLimitBytes && { cgroupMemoryLimitBytes }) });
}

function faultsOf(env: Env, cgroupMemoryLimitBytes?: number): readonly string[] {
  const result = parse(env, cgroupMemoryLimitBytes);
  return result instanceof ConfigFaults ? result.faults : [];
}

function accepted(env: Env): { config: Config; warnings: readonly string[] } {
  const result = parse({ ...BASE, ...env });
  if (result instanceof ConfigFaults) assert.fail(result.message);
  return result;
}

Deno.test("the smallest environment gives the documented defaults", () => {
  const { config, warnings } = accepted({});
  assert.deepEqual(warnings, []);
  const { jwtSecret, ...auth } = config.auth;
  assert.equal(jwtSecret?.reveal(), JWT_SECRET);
  assert.deepEqual({ ...config, auth }, {
    server: {
      host: "0.0.0.0",
      httpPort: 8080,
      grpcPort: 50051,
      drainDelayMs: 5000,
      gracefulTimeoutMs: 30_000,
      requestTimeoutMs: 10_000,
      maxInflightBytes: 256 * MEGABYTE,
      maxConcurrent: 4096,
      grpcTransport: "grpc-js",
      grpcReflection: false,
    },
    redis: {
      addresses: [{ host: "redis", port: 6379 }],
      db: 0,
      poolSize: 10,
      clusterMode: false,
      tlsEnabled: false,
      keyPrefix: "cache:",
      dialTimeoutMs: 5000,
      readTimeoutMs: 3000,
      writeTimeoutMs: 3000,
    },
    breaker: {
      failureThreshold: 5,
      openTimeoutMs: 30_000,
      halfOpenRequests: 3,
      successThreshold: 2,
    },
    cache: {
      backend: "redis",
      defaultTtlSeconds: 3600,
      maxMemoryBytes: 512 * MEGABYTE,
      evictionPolicy: "lru",
      localCacheEnabled: true,
      localCacheMode: "near",
      localCacheSize: 10_000,
      localMaxAgeMs: 60_000,
      maxKeyBytes: 512,
      maxValueBytes: MEGABYTE,
      maxBatchKeys: 1000,
      maxBatchBytes: 8 * MEGABYTE,
      tombstoneTtlMs: 600_000,
      encryptNamespaces: [],
      degradedWrites: "accept",
      journalMaxEntries: 100_000,
      journalMaxBytes: 64 * MEGABYTE,
    },
    broker: {
      type: "none",
      urls: [],
      topic: "cache-invalidation",
      groupId: "cache-service",
      tlsEnabled: false,
    },
    auth: { enabled: true, allowInsecure: false, encryptionKeys: [] },
    telemetry: {
      metricsEnabled: true,
      metricsPath: "/metrics",
      logLevel: "info",
      logFormat: "json",
      logRequests: true,
      logKeys: "none",
      tracingEnabled: false,
    },
  });
});

Deno.test("every setting reaches the configuration", () => {
  const env: Env = {
    SERVER_HOST: "::1",
    SERVER_HTTP_PORT: "0",
    SERVER_GRPC_PORT: "0",
    SERVER_DRAIN_DELAY: "0",
    SERVER_GRACEFUL_TIMEOUT: "1s",
    SERVER_REQUEST_TIMEOUT: "2s",
    SERVER_MAX_INFLIGHT_MB: "16",
    SERVER_TLS_CERT_FILE: "/ok",
    SERVER_TLS_KEY_FILE: "/ok",
    SERVER_MAX_CONCURRENT: "7",
    GRPC_TRANSPORT: "grpc-js",
    GRPC_REFLECTION: "true",
    REDIS_ADDRESSES: "a:1,[::1]:2",
    REDIS_USERNAME: "reader",
    REDIS_PASSWORD: "redis-password",
    REDIS_DB: "0",
    REDIS_POOL_SIZE: "3",
    REDIS_CLUSTER_MODE: "true",
    REDIS_TLS_ENABLED: "true",
    REDIS_TLS_CA_FILE: "/ok",
    REDIS_KEY_PREFIX: "p:",
    REDIS_DIAL_TIMEOUT: "1s",
    REDIS_READ_TIMEOUT: "2s",
    REDIS_WRITE_TIMEOUT: "300ms",
    BREAKER_FAILURE_THRESHOLD: "6",
    BREAKER_OPEN_TIMEOUT: "1m",
    BREAKER_HALF_OPEN_REQUESTS: "4",
    BREAKER_SUCCESS_THRESHOLD: "4",
    CACHE_BACKEND: "redis",
    CACHE_DEFAULT_TTL: "2h",
    CACHE_MAX_MEMORY_MB: "100",
    CACHE_EVICTION_POLICY: "lfu",
    CACHE_LOCAL_CACHE_ENABLED: "false",
    CACHE_LOCAL_CACHE_MODE: "fallback",
    CACHE_LOCAL_CACHE_SIZE: "5",
    CACHE_LOCAL_MAX_AGE: "10s",
    CACHE_MAX_KEY_BYTES: "100",
    CACHE_MAX_VALUE_BYTES: "1000",
    CACHE_MAX_BATCH_KEYS: "10",
    CACHE_MAX_BATCH_BYTES: "10000",
    CACHE_TOMBSTONE_TTL: "0",
    CACHE_ENCRYPT_NAMESPACES: "a,b",
    CACHE_DEGRADED_WRITES: "reject",
    CACHE_JOURNAL_MAX_ENTRIES: "9",
    CACHE_JOURNAL_MAX_MB: "2",
    BROKER_TYPE: "rabbitmq",
    BROKER_URL: "amqps://user:broker-pass@rabbit/v",
    BROKER_TOPIC: "t",
    BROKER_GROUP_ID: "g",
    BROKER_USERNAME: "u",
    BROKER_PASSWORD: "broker-password",
    BROKER_TLS_ENABLED: "true",
    BROKER_TLS_CA_FILE: "/ok",
    AUTH_ENABLED: "false",
    AUTH_JWT_SECRET: JWT_SECRET,
    AUTH_ALLOW_INSECURE: "true",
    AUTH_JWT_ISSUER: "iss",
    AUTH_JWT_AUDIENCE: "aud",
    AUTH_ENCRYPTION_KEY: `${KEY},${KEY}`,
    METRICS_ENABLED: "false",
    METRICS_PATH: "/m",
    METRICS_PORT: "0",
    LOG_LEVEL: "debug",
    LOG_FORMAT: "pretty",
    LOG_REQUESTS: "false",
    LOG_KEYS: "hash",
    TRACING_ENABLED: "true",
    TRACING_ENDPOINT: "http://collector:4318",
  };
  const { config, warnings } = accepted(env);
  assert.deepEqual(warnings, []);
  const shown = new Map(Object.entries(describeConfig(config)));
  const redacted = new Map([
    ["REDIS_PASSWORD", "[redacted]"],
    ["BROKER_URL", "amqps://user:[redacted]@rabbit/v"],
    ["BROKER_PASSWORD", "[redacted]"],
    ["AUTH_JWT_SECRET", "[redacted]"],
    ["AUTH_ENCRYPTION_KEY", "[redacted],[redacted]"],
  ]);
  // Three settings exclude others of this environment.
  const excluded = ["AUTH_JWKS_URL", "AUTH_JWT_PUBLIC_KEY_FILE", "AUTH_ENCRYPTION_KEY_FILE"];
  for (const { name } of SETTINGS) {
    const expected = redacted.get(name) ?? env[name] ?? null;
    const value = shown.get(name);
    assert.equal(value === null ? null : String(value), expected, name);
    assert.equal(env[name] === undefined, excluded.includes(name), name);
  }
  assert.equal(config.redis.password?.reveal(), "redis-password");
  assert.equal(config.broker.password?.reveal(), "broker-password");
  assert.deepEqual(config.auth.encryptionKeys.map((key) => key.reveal()), [KEY, KEY]);

  assert.equal(
    accepted({ AUTH_JWT_SECRET: "", AUTH_JWKS_URL: "https://id/jwks" }).config.auth.jwksUrl,
    "https://id/jwks",
  );
  assert.equal(
    accepted({ AUTH_JWT_SECRET: "", AUTH_JWT_PUBLIC_KEY_FILE: "/ok" }).config.auth.jwtPublicKeyFile,
    "/ok",
  );
  assert.equal(
    accepted({ AUTH_ENCRYPTION_KEY_FILE: "/ok" }).config.auth.encryptionKeyFile,
    "/ok",
  );
});

Deno.test("the list of settings is complete enough for documentation", () => {
  assert.equal(new Set(SETTINGS.map(({ name }) => name)).size, SETTINGS.length);
  for (const { name, about, ...rest } of SETTINGS) {
    assert.match(name, /^[A-Z]+(_[A-Z0-9]+)+$/);
    assert.match(about, /^[^\n]{10,100}$/, name);
    // Parsing the documented default as if it had been given changes nothing.
    if (rest.default !== undefined) {
      const given = accepted({ [name]: rest.default }).config;
      assert.deepEqual(describeConfig(given), describeConfig(accepted({}).config), name);
    }
  }
  assert.deepEqual(SETTINGS.filter(({ secret }) => secret).map(({ name }) => name), [
    "REDIS_PASSWORD",
    "BROKER_URL",
    "BROKER_PASSWORD",
    "AUTH_JWT_SECRET",
    "AUTH_ENCRYPTION_KEY",
  ]);
  for (const { names } of [...REQUIREMENTS, ...DOUBTS]) {
    for (const name of names) assert.ok(SETTINGS.some((one) => one.name === name), name);
  }
});

/** What is given on top of BASE, and the faults expected; a string stands for the only one. */
const RULES: readonly [string, Env, readonly RegExp[]][] = [
  ["addresses required", { REDIS_ADDRESSES: "" }, [/^REDIS_ADDRESSES is required unless/]],
  ["no address for memory", { REDIS_ADDRESSES: "", CACHE_BACKEND: "memory" }, []],
  ["several addresses", { REDIS_ADDRESSES: "a:1,b:2" }, [/^REDIS_ADDRESSES .*CLUSTER_MODE.*got 2/]],
  ["several in a cluster", { REDIS_ADDRESSES: "a:1,b:2", REDIS_CLUSTER_MODE: "1" }, []],
  ["db in a cluster", { REDIS_DB: "1", REDIS_CLUSTER_MODE: "true" }, [/^REDIS_DB .*REDIS_CLUSTER/]],
  ["db alone", { REDIS_DB: "1" }, []],
  ["prefix with a slot", { REDIS_KEY_PREFIX: "{a}" }, [/^REDIS_KEY_PREFIX .*braces; got "{a}"/]],

  ["no auth key", { AUTH_JWT_SECRET: "" }, [/^One of AUTH_JWT_SECRET, .* is required unless/]],
  ["short secret", { AUTH_JWT_SECRET: "s".repeat(31) }, [
    /^AUTH_JWT_SECRET .*at least 32 bytes long$/,
  ]],
  ["two kinds", { AUTH_JWKS_URL: "https://id" }, [/^Only one of AUTH_JWT_SECRET, .*; got 2$/]],
  ["two kinds with a file", { AUTH_JWT_PUBLIC_KEY_FILE: "/ok" }, [/^Only one of .*; got 2$/]],
  ["auth off", { AUTH_ENABLED: "false" }, [/^AUTH_ENABLED=false .*SERVER_HOST is "0\.0\.0\.0"$/]],
  ["auth off, allowed", { AUTH_ENABLED: "false", AUTH_ALLOW_INSECURE: "true" }, []],
  ["auth off, no key", { AUTH_ENABLED: "0", AUTH_JWT_SECRET: "", SERVER_HOST: "localhost" }, []],
  ["auth off on 127/8", { AUTH_ENABLED: "false", SERVER_HOST: "127.9.8.255" }, []],
  ["auth off on ::1", { AUTH_ENABLED: "false", SERVER_HOST: "::1" }, []],
  ["auth off on ::", { AUTH_ENABLED: "false", SERVER_HOST: "::" }, [/^AUTH_ENABLED=false/]],
  ["a name like 127/8", { AUTH_ENABLED: "false", SERVER_HOST: "127.0.0.1.a.example" }, [
    /^AUTH_ENABLED=false/,
  ]],
  ["no byte", { AUTH_ENABLED: "false", SERVER_HOST: "127.0.0.256" }, [/^AUTH_ENABLED=false/]],
  ["auth on, insecure allowed", { AUTH_ALLOW_INSECURE: "true", AUTH_JWT_SECRET: "" }, [/^One of/]],

  ["cert alone", { SERVER_TLS_CERT_FILE: "/ok" }, [
    /_CERT_FILE and SERVER_TLS_KEY_FILE .*together/,
  ]],
  ["key alone", { SERVER_TLS_KEY_FILE: "/ok" }, [/_CERT_FILE and SERVER_TLS_KEY_FILE .*together/]],
  ["equal ports", { SERVER_GRPC_PORT: "8080" }, [/^SERVER_HTTP_PORT and SERVER_GRPC_PORT .*8080$/]],
  ["free ports", { SERVER_HTTP_PORT: "0", SERVER_GRPC_PORT: "0", METRICS_PORT: "0" }, []],
  ["metrics on HTTP", { METRICS_PORT: "8080" }, [/^METRICS_PORT and SERVER_HTTP_PORT .*8080$/]],
  ["metrics on gRPC", { METRICS_PORT: "50051" }, [/^METRICS_PORT and SERVER_GRPC_PORT .*50051$/]],
  ["metrics on a route", { METRICS_PATH: "/health" }, [/^METRICS_PATH .*got "\/health"$/]],

  ["value over batch", { CACHE_MAX_BATCH_BYTES: "1000000" }, [
    /^CACHE_MAX_VALUE_BYTES .*CACHE_MAX_BATCH_BYTES; got 1048576 and 1000000$/,
  ]],
  ["value as batch", { CACHE_MAX_BATCH_BYTES: "1048576" }, []],
  ["key over batch", { CACHE_MAX_VALUE_BYTES: "1", CACHE_MAX_BATCH_BYTES: "511" }, [
    /^CACHE_MAX_KEY_BYTES .*CACHE_MAX_BATCH_BYTES/,
  ]],
  ["value over memory", { CACHE_MAX_VALUE_BYTES: "2000000", CACHE_MAX_MEMORY_MB: "1" }, [
    /^CACHE_MAX_VALUE_BYTES .*CACHE_MAX_MEMORY_MB/,
  ]],
  ["value over journal", { CACHE_MAX_VALUE_BYTES: "2000000", CACHE_JOURNAL_MAX_MB: "1" }, [
    /^CACHE_MAX_VALUE_BYTES .*CACHE_JOURNAL_MAX_MB/,
  ]],
  ["value over inflight", { CACHE_MAX_VALUE_BYTES: "2000000", SERVER_MAX_INFLIGHT_MB: "1" }, [
    /^CACHE_MAX_VALUE_BYTES .*SERVER_MAX_INFLIGHT_MB/,
  ]],
  ["everything at 1 MB", { CACHE_MAX_MEMORY_MB: "1", CACHE_JOURNAL_MAX_MB: "1" }, []],
  ["breaker never closes", { BREAKER_SUCCESS_THRESHOLD: "4" }, [
    /^BREAKER_SUCCESS_THRESHOLD .*BREAKER_HALF_OPEN_REQUESTS; got 4 and 3$/,
  ]],
  ["long TTL", { CACHE_DEFAULT_TTL: "721h" }, [/^CACHE_DEFAULT_TTL .*720h; got "721h"$/]],

  ["encrypt without key", { CACHE_ENCRYPT_NAMESPACES: "*" }, [/^CACHE_ENCRYPT_NAMESPACES needs/]],
  ["encrypt with key", { CACHE_ENCRYPT_NAMESPACES: "*", AUTH_ENCRYPTION_KEY: KEY }, []],
  ["encrypt with file", { CACHE_ENCRYPT_NAMESPACES: "a", AUTH_ENCRYPTION_KEY_FILE: "/ok" }, []],
  ["encrypt no namespace", { CACHE_ENCRYPT_NAMESPACES: "a b", AUTH_ENCRYPTION_KEY: KEY }, [
    /^CACHE_ENCRYPT_NAMESPACES must be .*got "a b"$/,
  ]],
  ["bad encryption key", { AUTH_ENCRYPTION_KEY: "c2hvcnQ=", CACHE_ENCRYPT_NAMESPACES: "*" }, [
    /^AUTH_ENCRYPTION_KEY must be .*exactly 32 bytes$/,
  ]],
  ["two sources of keys", { AUTH_ENCRYPTION_KEY: KEY, AUTH_ENCRYPTION_KEY_FILE: "/ok" }, [
    /^AUTH_ENCRYPTION_KEY and AUTH_ENCRYPTION_KEY_FILE must not both/,
  ]],
  ["no key file", { AUTH_ENCRYPTION_KEY_FILE: "/none" }, [/^AUTH_ENCRYPTION_KEY_FILE .*"\/none"$/]],

  ["broker without URL", { BROKER_TYPE: "kafka" }, [
    /^BROKER_URL is required with BROKER_TYPE=kaf/,
  ]],
  ["rabbitmq", { BROKER_TYPE: "rabbitmq", BROKER_URL: "amqp://u:p@r" }, []],
  ["rabbitmq, other scheme", { BROKER_TYPE: "rabbitmq", BROKER_URL: "http://u:p@r" }, [
    /^BROKER_URL must be amqp:[^"]*$/,
  ]],
  ["rabbitmq, no scheme", { BROKER_TYPE: "rabbitmq", BROKER_URL: "r:5672" }, [
    /^BROKER_URL must be an amqp:.* with BROKER_TYPE=rabbitmq$/,
  ]],
  ["kafka", { BROKER_TYPE: "kafka", BROKER_URL: "k1:9092,k2:9092" }, []],
  ["kafka by amqp", { BROKER_TYPE: "kafka", BROKER_URL: "amqp://u:p@r" }, [
    /^BROKER_URL must be host:port addresses with BROKER_TYPE=kafka$/,
  ]],
  ["unknown broker", { BROKER_TYPE: "nats" }, [
    /^BROKER_TYPE .*none, rabbitmq, kafka; got "nats"$/,
  ]],

  ["tracing, no endpoint", { TRACING_ENABLED: "true" }, [/^TRACING_ENABLED=true needs/]],
  ["tracing, OTEL", { TRACING_ENABLED: "true", OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318" }, []],
  ["tracing, bad OTEL", { TRACING_ENABLED: "true", OTEL_EXPORTER_OTLP_ENDPOINT: "c:4317" }, [
    /^TRACING_ENABLED=true needs/,
  ]],
  ["no tracing, bad OTEL", { OTEL_EXPORTER_OTLP_ENDPOINT: "c:4317" }, []],

  ["secret twice", { REDIS_PASSWORD: "x", REDIS_PASSWORD_FILE: "/ok" }, [
    /^REDIS_PASSWORD and REDIS_PASSWORD_FILE must not both be set$/,
  ]],
  ["unreadable secret", { REDIS_PASSWORD_FILE: "/a@b" }, [
    /^REDIS_PASSWORD_FILE names a file that cannot be read \(NotFound\): "\/a@b"$/,
  ]],
  ["unreadable auth secret", { AUTH_JWT_SECRET: "", AUTH_JWT_SECRET_FILE: "/none" }, [
    /^AUTH_JWT_SECRET_FILE .*"\/none"$/,
  ]],
  ["empty secret file", { BROKER_PASSWORD_FILE: "/empty" }, [/^BROKER_PASSWORD_FILE .*empty file/]],
  ["short secret in a file", { AUTH_JWT_SECRET: "", AUTH_JWT_SECRET_FILE: "/password" }, [
    /^AUTH_JWT_SECRET must be at least 32 bytes long$/,
  ]],
  ["unreadable CA", { REDIS_TLS_CA_FILE: "/none" }, [/^REDIS_TLS_CA_FILE .*"\/none"$/]],

  ["typing mistake", { REDIS_POOLSIZE: "1" }, [/^REDIS_POOLSIZE .*mean REDIS_POOL_SIZE\?$/]],
  ["mistake, but empty", { REDIS_POOLSIZE: "" }, []],
  ["kubelet", { REDIS_PORT: "tcp://10.0.0.1:6379", METRICS_PORT: "tcp://10.0.0.1:9090" }, []],
  ["credentials in a plain setting", { REDIS_ADDRESSES: "redis://:hunter2@redis:6379" }, [
    /^REDIS_ADDRESSES must be [^"]*"redis:\/\/:\[redacted\]@redis:6379"$/,
  ]],
  ["all at once", { SERVER_HTTP_PORT: "x\ny", LOG_LEVEL: "loud", REDIS_DB: "-1", LOG_KEY: "1" }, [
    /^SERVER_HTTP_PORT must be an integer from 0 to 65535; got "x\\ny"$/,
    /^REDIS_DB must be/,
    /^LOG_LEVEL must be one of: debug, info, warn, error; got "loud"$/,
    /^LOG_KEY is not a setting/,
  ]],
];

for (const [rule, env, expected] of RULES) {
  Deno.test(`rule: ${rule}`, () => {
    const faults = faultsOf({ ...BASE, ...env });
    assert.equal(faults.length, expected.length, faults.join("\n"));
    expected.forEach((pattern, i) => assert.match(faults[i] ?? "", pattern));
  });
}

Deno.test("the message of the faults has one line each", () => {
  const faults = parse({ SERVER_HOST: "a\nb" });
  assert.ok(faults instanceof ConfigFaults);
  assert.equal(faults.faults.length, 3);
  assert.deepEqual(faults.message.split("\n"), faults.faults);
});

Deno.test("memory and journal may take 70 % of the cgroup's limit", () => {
  const env = { ...BASE, CACHE_MAX_MEMORY_MB: "600", CACHE_JOURNAL_MAX_MB: "100" };
  assert.deepEqual(faultsOf(env, 1000 * MEGABYTE), []);
  assert.deepEqual(faultsOf({ ...env, CACHE_JOURNAL_MAX_MB: "101" }, 1000 * MEGABYTE), [
    "CACHE_MAX_MEMORY_MB (600) and CACHE_JOURNAL_MAX_MB (101) must together be at most 700, " +
    "70 % of the memory limit of 1000 MB; got 701",
  ]);
});

Deno.test("a secret file loses one trailing newline", () => {
  const password = (path: string): string | undefined =>
    accepted({ REDIS_PASSWORD_FILE: path }).config.redis.password?.reveal();
  assert.equal(password("/ok"), "text");
  assert.equal(password("/password"), "from-file");
  assert.equal(password("/password-crlf"), "from-file");
  assert.equal(password("/two-lines"), "one\n");
  const { config } = accepted({
    AUTH_JWT_SECRET: "",
    AUTH_JWT_SECRET_FILE: "/jwt",
    BROKER_TYPE: "rabbitmq",
    BROKER_URL_FILE: "/amqp",
    BROKER_PASSWORD_FILE: "/password",
  });
  assert.equal(config.auth.jwtSecret?.reveal(), JWT_SECRET);
  assert.deepEqual(config.broker.urls, ["amqp://user:pass@rabbit"]);
  assert.equal(config.broker.password?.reveal(), "from-file");
});

Deno.test("what is odd but works is a warning", () => {
  const cases: [Env, RegExp][] = [
    [{ AUTH_ENABLED: "false", AUTH_ALLOW_INSECURE: "true" }, /^AUTH_ENABLED=false on SERVER_HOST/],
    [{ AUTH_JWT_SECRET: "", AUTH_JWKS_URL: "http://id.example" }, /^AUTH_JWKS_URL is plain http/],
    [{ REDIS_TLS_CA_FILE: "/ok" }, /^REDIS_TLS_CA_FILE has no effect/],
    [{ BROKER_TLS_CA_FILE: "/ok" }, /^BROKER_TLS_CA_FILE has no effect/],
    [{ BROKER_URL: "amqp://r" }, /^BROKER_URL has no effect/],
    [{ SERVER_MAX_INFLIGHT_MB: "7" }, /^CACHE_MAX_BATCH_BYTES is above SERVER_MAX_INFLIGHT_MB/],
    [{ GRPC_VERBOSITY: "debug" }, /^GRPC_VERBOSITY is not a setting; it is ignored$/],
  ];
  for (const [env, expected] of cases) {
    const { warnings } = accepted(env);
    assert.equal(warnings.length, 1, warnings.join("\n"));
    assert.match(warnings[0] ?? "", expected);
  }
  const quiet: Env[] = [
    { AUTH_JWT_SECRET: "", AUTH_JWKS_URL: "http://[::1]:8000/jwks" },
    {
      PATH: "/bin",
      TEST_LEGS: "memory",
      OTEL_SERVICE_NAME: "cache",
      REDIS_SERVICE_HOST: "10.0.0.1",
    },
  ];
  for (const env of quiet) assert.deepEqual(accepted(env).warnings, []);
});

Deno.test("the name of a prototype is a name like any other", () => {
  const env: Env = JSON.parse(`{"__proto__": "x", "constructor": "y", "CACHE_constructor": "z"}`);
  const result = parse(Object.assign(env, BASE));
  assert.ok(!(result instanceof ConfigFaults));
  assert.deepEqual(result.warnings, ["CACHE_constructor is not a setting; it is ignored"]);
  assert.equal(Reflect.get({}, "x"), undefined);
});

const MARK = "S3CR3T";
const anyName = fc.constantFrom(
  ...KNOWN_NAMES,
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "REDIS_X",
  "LOG_KEY",
);
const plausible = fc.constantFrom(
  ...["0", "1", "true", "false", "5s", "600h", "/ok", "/none", "memory", "redis", "a:1,b:2", "*"],
  ...["amqp://u:p@r", "k:9092", "kafka", "rabbitmq", "localhost", JWT_SECRET, KEY, "https://id"],
);
const anyValue = fc.oneof(plausible, fc.string({ unit: "binary" }), fc.integer().map(String));

Deno.test("property: any environment gives a configuration or one-line faults, and never throws", () => {
  fc.assert(
    fc.property(
      fc.dictionary(anyName, anyValue),
      fc.boolean(),
      fc.option(fc.integer({ min: 1 }), { nil: undefined }),
      (env, withBase, limit) => {
        const result = parse(withBase ? { ...BASE, ...env } : env, limit);
        if (result instanceof ConfigFaults) {
          assert.ok(result.faults.length > 0);
          for (const fault of result.faults) assert.match(fault, /^[^\n]+$/);
          return;
        }
        const shown = describeConfig(result.config);
        assert.deepEqual(Object.keys(shown), SETTINGS.map(({ name }) => name));
        for (const value of Object.values(shown)) assert.notEqual(typeof value, "undefined");
      },
    ),
    propertyOptions({ numRuns: 1000 }),
  );
});

Deno.test("property: no secret is ever shown", () => {
  const marked = fc.tuple(fc.string(), fc.string({ maxLength: 40 })).map((around) =>
    around.join(MARK)
  );
  const url = fc.tuple(
    fc.constantFrom("amqp", "amqps", "http", "redis"),
    fc.oneof(marked, marked.map(encodeURIComponent)),
  ).map(([scheme, password]) => `${scheme}://user:${password}@rabbit:5672/v`);
  const secrets = fc.record({
    REDIS_PASSWORD: marked,
    BROKER_PASSWORD: marked,
    BROKER_URL: fc.oneof(marked, url, url.map((text) => `amqp://a,${text}`)),
    AUTH_JWT_SECRET: fc.oneof(marked, marked.map((text) => text.padEnd(32))),
    AUTH_ENCRYPTION_KEY: fc.oneof(marked, fc.constant(KEY.replace(/^.{6}/, MARK))),
  }, { requiredKeys: [] });
  const misplaced = fc.record({
    REDIS_ADDRESSES: url,
    AUTH_JWKS_URL: url,
    TRACING_ENDPOINT: url,
  }, { requiredKeys: [] });
  const bearing = fc.tuple(
    fc.oneof(fc.constant({}), fc.dictionary(anyName, plausible)),
    secrets,
    fc.oneof(fc.constant({}), misplaced),
  ).map((parts): Env => Object.assign({}, BASE, ...parts));
  const inFile = fc.subarray(["REDIS_PASSWORD", "BROKER_URL", "AUTH_JWT_SECRET"]);
  let accepts = 0;
  fc.assert(
    fc.property(bearing, inFile, (env, moved) => {
      const given = new Map(Object.entries(env));
      const files = new Map<string, string>();
      for (const name of moved.filter((one) => given.has(one))) {
        files.set(`/run/${name}`, given.get(name) ?? "");
        given.delete(name);
        given.set(`${name}_FILE`, `/run/${name}`);
      }
      const result = parseConfig(Object.fromEntries(given), {
        readFile: (path) => files.get(path) ?? readFile(path),
      });
      const shown = result instanceof ConfigFaults
        ? [result.message, ...result.faults, String(result), Deno.inspect(result)]
        : [
          ...result.warnings,
          JSON.stringify(describeConfig(result.config)),
          Deno.inspect(result.config.auth, { depth: 9 }),
          JSON.stringify(result.config.redis),
        ];
      if (!(result instanceof ConfigFaults)) accepts++;
      for (const text of shown) assert.ok(!text.includes(MARK), text);
    }),
    propertyOptions({ numRuns: 1000 }),
  );
  assert.ok(accepts > 0, "no environment was accepted");
});

Deno.test("secrets are held as Secret, so a printed configuration shows none", () => {
  const { config } = accepted({ REDIS_PASSWORD: MARK, AUTH_ENCRYPTION_KEY: KEY });
  assert.ok(config.redis.password instanceof Secret);
  assert.doesNotMatch(Deno.inspect(config, { depth: 9 }) + JSON.stringify(config), /S3CR3T|a2tr/);
});

Deno.test("the memory backend is chosen by name, and evicts by recency only", () => {
  const memory = { ...BASE, CACHE_BACKEND: "memory" };
  assert.equal(accepted(memory).config.cache.backend, "memory");
  const [fault] = faultsOf({ ...memory, CACHE_EVICTION_POLICY: "lfu" });
  assert.match(fault ?? "", /^CACHE_EVICTION_POLICY must be lru with CACHE_BACKEND=memory/);
});

import { quote } from "./redact.ts";
import type { Config } from "./settings.ts";

/** A rule over several settings. */
export interface Relation {
  /** The settings it reads; where one of them is faulty by itself, the rule is left out. */
  readonly names: readonly string[];
  /** Says what breaks the rule, naming the settings; otherwise nothing. */
  readonly check: Check;
}

type Check = (config: Config, machine: Machine) => string | false | undefined;

/** What is known of the machine; absent members are unknown or unlimited. */
export interface Machine {
  readonly cgroupMemoryLimitBytes?: number | undefined;
}

const MEGABYTE = 1024 * 1024;
const CGROUP_SHARE = 0.7;
const AUTH_KEYS = ["AUTH_JWT_SECRET", "AUTH_JWKS_URL", "AUTH_JWT_PUBLIC_KEY_FILE"];

/** Without these the service does not start. */
export const REQUIREMENTS: readonly Relation[] = [
  relation(
    ["REDIS_ADDRESSES", "CACHE_BACKEND"],
    ({ redis, cache }) =>
      cache.backend === "redis" && redis.addresses.length === 0 &&
      "REDIS_ADDRESSES is required unless CACHE_BACKEND=memory",
  ),
  relation(
    ["REDIS_ADDRESSES", "REDIS_CLUSTER_MODE"],
    ({ redis }) =>
      redis.addresses.length > 1 && !redis.clusterMode &&
      `REDIS_ADDRESSES must be one address unless REDIS_CLUSTER_MODE=true; ` +
        `got ${redis.addresses.length}`,
  ),
  relation(
    ["REDIS_DB", "REDIS_CLUSTER_MODE"],
    ({ redis }) =>
      redis.db !== 0 && redis.clusterMode &&
      `REDIS_DB must be 0 with REDIS_CLUSTER_MODE=true; got ${redis.db}`,
  ),
  relation(
    ["SERVER_TLS_CERT_FILE", "SERVER_TLS_KEY_FILE"],
    ({ server }) =>
      (server.tlsCertFile === undefined) !== (server.tlsKeyFile === undefined) &&
      "SERVER_TLS_CERT_FILE and SERVER_TLS_KEY_FILE must be set together",
  ),

  different(["SERVER_HTTP_PORT", "SERVER_GRPC_PORT"], ({ server }) => [
    server.httpPort,
    server.grpcPort,
  ]),
  different(["METRICS_PORT", "SERVER_HTTP_PORT"], ({ server, telemetry }) => [
    telemetry.metricsPort,
    server.httpPort,
  ]),
  different(["METRICS_PORT", "SERVER_GRPC_PORT"], ({ server, telemetry }) => [
    telemetry.metricsPort,
    server.grpcPort,
  ]),

  ordered(["CACHE_MAX_KEY_BYTES", "CACHE_MAX_BATCH_BYTES"], ({ cache }) => [
    cache.maxKeyBytes,
    cache.maxBatchBytes,
  ]),
  ordered(["CACHE_MAX_VALUE_BYTES", "CACHE_MAX_BATCH_BYTES"], ({ cache }) => [
    cache.maxValueBytes,
    cache.maxBatchBytes,
  ]),
  ordered(["CACHE_MAX_VALUE_BYTES", "CACHE_MAX_MEMORY_MB"], ({ cache }) => [
    cache.maxValueBytes,
    cache.maxMemoryBytes,
  ]),
  ordered(["CACHE_MAX_VALUE_BYTES", "CACHE_JOURNAL_MAX_MB"], ({ cache }) => [
    cache.maxValueBytes,
    cache.journalMaxBytes,
  ]),
  ordered(["CACHE_MAX_VALUE_BYTES", "SERVER_MAX_INFLIGHT_MB"], ({ cache, server }) => [
    cache.maxValueBytes,
    server.maxInflightBytes,
  ]),
  relation(
    ["CACHE_EVICTION_POLICY", "CACHE_BACKEND"],
    ({ cache }) =>
      cache.backend === "memory" && cache.evictionPolicy !== "lru" &&
      `CACHE_EVICTION_POLICY must be lru with CACHE_BACKEND=memory; got ${cache.evictionPolicy}`,
  ),
  relation(
    ["BROKER_GROUP_ID", "BROKER_TYPE"],
    ({ broker }) =>
      broker.type === "rabbitmq" && broker.groupId === "dead" &&
      "BROKER_GROUP_ID must not be dead: that queue holds the dead letters",
  ),
  // A half-open breaker that lets fewer requests through than it wants successes never closes.
  ordered(["BREAKER_SUCCESS_THRESHOLD", "BREAKER_HALF_OPEN_REQUESTS"], ({ breaker }) => [
    breaker.successThreshold,
    breaker.halfOpenRequests,
  ]),
  relation(["CACHE_MAX_MEMORY_MB", "CACHE_JOURNAL_MAX_MB"], memoryFault),

  relation([...AUTH_KEYS, "AUTH_ENABLED"], ({ auth }) => {
    const keys = authKeyCount(auth);
    const names = AUTH_KEYS.join(", ");
    if (keys > 1) return `Only one of ${names} may be set; got ${keys}`;
    return auth.enabled && keys === 0 &&
      `One of ${names} is required unless AUTH_ENABLED=false`;
  }),
  relation(
    ["AUTH_ENABLED", "SERVER_HOST", "AUTH_ALLOW_INSECURE"],
    ({ auth, server }) =>
      !auth.enabled && !auth.allowInsecure && !isLoopback(server.host) &&
      `AUTH_ENABLED=false needs a loopback SERVER_HOST or AUTH_ALLOW_INSECURE=true; ` +
        `SERVER_HOST is ${quote(server.host)}`,
  ),
  relation(
    ["AUTH_ENCRYPTION_KEY", "AUTH_ENCRYPTION_KEY_FILE"],
    ({ auth }) =>
      auth.encryptionKeys.length > 0 && auth.encryptionKeyFile !== undefined &&
      "AUTH_ENCRYPTION_KEY and AUTH_ENCRYPTION_KEY_FILE must not both be set",
  ),
  relation(
    ["CACHE_ENCRYPT_NAMESPACES", "AUTH_ENCRYPTION_KEY", "AUTH_ENCRYPTION_KEY_FILE"],
    ({ cache, auth }) =>
      cache.encryptNamespaces.length > 0 && auth.encryptionKeys.length === 0 &&
      auth.encryptionKeyFile === undefined &&
      "CACHE_ENCRYPT_NAMESPACES needs AUTH_ENCRYPTION_KEY or AUTH_ENCRYPTION_KEY_FILE",
  ),

  relation(["BROKER_TYPE", "BROKER_URL"], ({ broker: { type, urls } }) => {
    if (type === "none") return undefined;
    if (urls.length === 0) return `BROKER_URL is required with BROKER_TYPE=${type}`;
    const form = type === "rabbitmq" ? "an amqp:// or amqps:// URL" : "host:port addresses";
    return urls.some((url) => url.includes("://") !== (type === "rabbitmq")) &&
      `BROKER_URL must be ${form} with BROKER_TYPE=${type}`;
  }),
  relation(
    ["TRACING_ENABLED", "TRACING_ENDPOINT"],
    ({ telemetry }) =>
      telemetry.tracingEnabled && telemetry.tracingEndpoint === undefined &&
      "TRACING_ENABLED=true needs an http or https URL in TRACING_ENDPOINT " +
        "or OTEL_EXPORTER_OTLP_ENDPOINT",
  ),
];

/** These let the service start, but are rarely meant. */
export const DOUBTS: readonly Relation[] = [
  relation(
    ["AUTH_ENABLED", "SERVER_HOST"],
    ({ auth, server }) =>
      !auth.enabled && !isLoopback(server.host) &&
      `AUTH_ENABLED=false on SERVER_HOST ${quote(server.host)}: whoever reaches it may do anything`,
  ),
  relation(
    ["AUTH_JWKS_URL"],
    ({ auth: { jwksUrl } }) =>
      jwksUrl !== undefined && isPlainHttpElsewhere(jwksUrl) &&
      "AUTH_JWKS_URL is plain http: whoever can alter its answer can forge tokens",
  ),
  relation(
    ["REDIS_TLS_CA_FILE", "REDIS_TLS_ENABLED"],
    ({ redis }) =>
      redis.tlsCaFile !== undefined && !redis.tlsEnabled &&
      "REDIS_TLS_CA_FILE has no effect without REDIS_TLS_ENABLED=true",
  ),
  relation(
    ["BROKER_TLS_CA_FILE", "BROKER_TLS_ENABLED", "BROKER_URL"],
    ({ broker: { tlsCaFile, tlsEnabled, urls } }) =>
      tlsCaFile !== undefined && !tlsEnabled &&
      !urls.some((url) => url.startsWith("amqps://")) &&
      "BROKER_TLS_CA_FILE has no effect without BROKER_TLS_ENABLED=true or an amqps:// URL",
  ),
  relation(
    ["BROKER_TYPE", "BROKER_URL"],
    ({ broker }) =>
      broker.type === "none" && broker.urls.length > 0 &&
      "BROKER_URL has no effect with BROKER_TYPE=none",
  ),
  relation(
    ["CACHE_MAX_BATCH_BYTES", "SERVER_MAX_INFLIGHT_MB"],
    ({ cache, server }) =>
      cache.maxBatchBytes > server.maxInflightBytes &&
      "CACHE_MAX_BATCH_BYTES is above SERVER_MAX_INFLIGHT_MB: " +
        "the largest batches will be answered as overloaded",
  ),
];

function relation(names: readonly string[], check: Check): Relation {
  return { names, check };
}

/** Two ports that must differ, unless the system chooses them. */
function different(
  names: readonly [string, string],
  ports: (config: Config) => readonly [number | undefined, number | undefined],
): Relation {
  return relation(names, (config) => {
    const [one, other] = ports(config);
    return one === other && one !== undefined && one !== 0 &&
      `${names[0]} and ${names[1]} must differ; both are ${one}`;
  });
}

/** Two numbers of one unit of which the first must not be above the second. */
function ordered(
  names: readonly [string, string],
  values: (config: Config) => readonly [number, number],
): Relation {
  return relation(names, (config) => {
    const [smaller, larger] = values(config);
    return smaller > larger &&
      `${names[0]} must not be above ${names[1]}; got ${smaller} and ${larger}`;
  });
}

function memoryFault({ cache }: Config, { cgroupMemoryLimitBytes }: Machine): string | false {
  if (cgroupMemoryLimitBytes === undefined) return false;
  const needed = cache.maxMemoryBytes + cache.journalMaxBytes;
  const allowed = cgroupMemoryLimitBytes * CGROUP_SHARE;
  const megabytes = (bytes: number): number => Math.floor(bytes / MEGABYTE);
  return needed > allowed &&
    `CACHE_MAX_MEMORY_MB (${megabytes(cache.maxMemoryBytes)}) and CACHE_JOURNAL_MAX_MB ` +
      `(${megabytes(cache.journalMaxBytes)}) must together be at most ${megabytes(allowed)}, ` +
      `70 % of the memory limit of ${megabytes(cgroupMemoryLimitBytes)} MB; ` +
      `got ${megabytes(needed)}`;
}

function authKeyCount({ jwtSecret, jwksUrl, jwtPublicKeyFile }: Config["auth"]): number {
  return [jwtSecret, jwksUrl, jwtPublicKeyFile].filter((key) => key !== undefined).length;
}

function isLoopback(host: string): boolean {
  const byte = "(25[0-5]|2[0-4]\\d|1?\\d?\\d)";
  return new RegExp(`^(localhost|::1|127(\\.${byte}){3})$`, "i").test(host);
}

function isPlainHttpElsewhere(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "http:" && !isLoopback(hostname.replace(/^\[|\]$/g, ""));
}

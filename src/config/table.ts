import { DEFAULT_LIMITS } from "../core/limits.ts";
import {
  address,
  boolean,
  brokerUrls,
  duration,
  encryptionKey,
  file,
  httpUrl,
  integer,
  listOf,
  megabytes,
  metricsPath,
  namespaceOrAll,
  oneOf,
  port,
  secret,
  text,
  ttl,
} from "./parsers.ts";
import { optional, setting } from "./setting.ts";

const HOUR_MS = 3_600_000;
const timeout = duration({ minMs: 1, maxMs: HOUR_MS });
const pause = duration({ minMs: 0, maxMs: HOUR_MS });
const host = text(/^[\w.:%-]{1,253}$/, "an IP address or a host name");
const line = text(/^[^\p{Cc}]{1,1024}$/u, "one line of at most 1024 characters");
const identifier = text(/^[\w.-]{1,200}$/, "1 to 200 of A-Z a-z 0-9 . _ -");
// Braces would force every entry of a Cluster into one slot.
const keyPrefix = text(/^[!-z|~]{1,64}$/, "1 to 64 visible ASCII characters without braces");

/** Every setting, in the groups and under the names that `Config` has: the only list of them. */
export const TABLE = {
  server: {
    host: setting("SERVER_HOST", host, { default: "0.0.0.0", about: "Address to listen on" }),
    httpPort: setting("SERVER_HTTP_PORT", port, {
      default: "8080",
      about: "Port of the REST API; 0 takes any free one",
    }),
    grpcPort: setting("SERVER_GRPC_PORT", port, {
      default: "50051",
      about: "Port of the gRPC API; 0 takes any free one",
    }),
    drainDelayMs: setting("SERVER_DRAIN_DELAY", pause, {
      default: "5s",
      about: "How long it serves on, not ready, before it stops; 0 for development",
    }),
    gracefulTimeoutMs: setting("SERVER_GRACEFUL_TIMEOUT", pause, {
      default: "30s",
      about: "Longest wait for running requests and owed writes when it stops",
    }),
    requestTimeoutMs: setting("SERVER_REQUEST_TIMEOUT", timeout, {
      default: "10s",
      about: "Longest time a request may take",
    }),
    maxInflightBytes: setting("SERVER_MAX_INFLIGHT_MB", megabytes({ min: 1, max: 1_048_576 }), {
      default: "256",
      about: "Most megabytes of requests and large answers held at once; more is overloaded",
    }),
    tlsCertFile: optional("SERVER_TLS_CERT_FILE", file, {
      about: "Certificate chain (PEM) of both servers; needs SERVER_TLS_KEY_FILE",
    }),
    tlsKeyFile: optional("SERVER_TLS_KEY_FILE", file, {
      about: "Private key (PEM) of both servers; needs SERVER_TLS_CERT_FILE",
    }),
    maxConcurrent: setting("SERVER_MAX_CONCURRENT", integer({ min: 1, max: 1_000_000 }), {
      default: "4096",
      about: "Most requests served at once; more is overloaded",
    }),
    grpcTransport: setting("GRPC_TRANSPORT", oneOf("grpc-js"), {
      default: "grpc-js",
      about: "Implementation of the gRPC server",
    }),
    grpcReflection: setting("GRPC_REFLECTION", boolean, {
      default: "false",
      about: "Whether gRPC clients may list the services",
    }),
  },
  redis: {
    addresses: setting("REDIS_ADDRESSES", listOf(address), {
      default: "",
      about: "host:port of Redis, or several of a Cluster; required unless CACHE_BACKEND=memory",
    }),
    username: optional("REDIS_USERNAME", line, { about: "User of Redis' access control" }),
    password: optional("REDIS_PASSWORD", secret({ minBytes: 1 }), { about: "Password of Redis" }),
    db: setting("REDIS_DB", integer({ min: 0, max: 16_383 }), {
      default: "0",
      about: "Database number; 0 in a Cluster",
    }),
    poolSize: setting("REDIS_POOL_SIZE", integer({ min: 1, max: 256 }), {
      default: "10",
      about: "Connections to Redis, per node in a Cluster",
    }),
    clusterMode: setting("REDIS_CLUSTER_MODE", boolean, {
      default: "false",
      about: "Whether the addresses are nodes of a Redis Cluster",
    }),
    tlsEnabled: setting("REDIS_TLS_ENABLED", boolean, {
      default: "false",
      about: "Whether to reach Redis over TLS",
    }),
    tlsCaFile: optional("REDIS_TLS_CA_FILE", file, {
      about: "Authority (PEM) that signed Redis' certificate",
    }),
    keyPrefix: setting("REDIS_KEY_PREFIX", keyPrefix, {
      default: "cache:",
      about: "Begins every key in Redis",
    }),
    dialTimeoutMs: setting("REDIS_DIAL_TIMEOUT", timeout, {
      default: "5s",
      about: "Longest wait for a connection to Redis",
    }),
    readTimeoutMs: setting("REDIS_READ_TIMEOUT", timeout, {
      default: "3s",
      about: "Longest wait for a read from Redis",
    }),
    writeTimeoutMs: setting("REDIS_WRITE_TIMEOUT", timeout, {
      default: "3s",
      about: "Longest wait for a write to Redis",
    }),
  },
  breaker: {
    failureThreshold: setting("BREAKER_FAILURE_THRESHOLD", integer({ min: 1, max: 10_000 }), {
      default: "5",
      about: "Failures in a row that open the breaker",
    }),
    openTimeoutMs: setting("BREAKER_OPEN_TIMEOUT", timeout, {
      default: "30s",
      about: "Longest time open before Redis is tried again",
    }),
    halfOpenRequests: setting("BREAKER_HALF_OPEN_REQUESTS", integer({ min: 1, max: 10_000 }), {
      default: "3",
      about: "Requests that may try Redis while the breaker is half-open",
    }),
    successThreshold: setting("BREAKER_SUCCESS_THRESHOLD", integer({ min: 1, max: 10_000 }), {
      default: "2",
      about: "Successes that close a half-open breaker",
    }),
  },
  cache: {
    backend: setting("CACHE_BACKEND", oneOf("redis", "memory"), {
      default: "redis",
      about: "Where entries live: redis, or the memory of this process alone",
    }),
    defaultTtlSeconds: setting("CACHE_DEFAULT_TTL", ttl, {
      default: "1h",
      about: "TTL of an entry that names none; whole seconds, at most 720h",
    }),
    maxMemoryBytes: setting("CACHE_MAX_MEMORY_MB", megabytes({ min: 1, max: 1_048_576 }), {
      default: "512",
      about: "Most megabytes of entries in memory",
    }),
    evictionPolicy: setting("CACHE_EVICTION_POLICY", oneOf("lru", "lfu"), {
      default: "lru",
      about: "What leaves full memory first: the least recently or least frequently used entry",
    }),
    localCacheEnabled: setting("CACHE_LOCAL_CACHE_ENABLED", boolean, {
      default: "true",
      about: "Whether to keep a near cache, which also bridges outages of Redis",
    }),
    localCacheMode: setting("CACHE_LOCAL_CACHE_MODE", oneOf("near", "fallback"), {
      default: "near",
      about: "near answers from the near cache; fallback does so in outages only",
    }),
    localCacheSize: setting("CACHE_LOCAL_CACHE_SIZE", integer({ min: 1, max: 10_000_000 }), {
      default: "10000",
      about: "Most entries in the near cache",
    }),
    localMaxAgeMs: setting("CACHE_LOCAL_MAX_AGE", timeout, {
      default: "60s",
      about: "Longest time a near copy is served without being read again",
    }),
    maxKeyBytes: setting("CACHE_MAX_KEY_BYTES", integer({ min: 1, max: 65_536 }), {
      default: String(DEFAULT_LIMITS.maxKeyBytes),
      about: "Longest key, in bytes of UTF-8",
    }),
    maxValueBytes: setting("CACHE_MAX_VALUE_BYTES", integer({ min: 1, max: 536_870_912 }), {
      default: String(DEFAULT_LIMITS.maxValueBytes),
      about: "Longest value, in bytes",
    }),
    maxBatchKeys: setting("CACHE_MAX_BATCH_KEYS", integer({ min: 1, max: 100_000 }), {
      default: String(DEFAULT_LIMITS.maxBatchKeys),
      about: "Most keys of one batch",
    }),
    maxBatchBytes: setting("CACHE_MAX_BATCH_BYTES", integer({ min: 1, max: 536_870_912 }), {
      default: String(DEFAULT_LIMITS.maxBatchBytes),
      about: "Most bytes of one batch, in requests and in answers",
    }),
    tombstoneTtlMs: setting("CACHE_TOMBSTONE_TTL", duration({ minMs: 0, maxMs: 720 * HOUR_MS }), {
      default: "10m",
      about: "How long a delete is remembered, and the longest outage bridged; 0 forgets at once",
    }),
    encryptNamespaces: setting("CACHE_ENCRYPT_NAMESPACES", listOf(namespaceOrAll), {
      default: "",
      about: "Namespaces whose values are always sealed, with commas; * for all",
    }),
    degradedWrites: setting("CACHE_DEGRADED_WRITES", oneOf("accept", "reject"), {
      default: "accept",
      about: "Whether writes during an outage of Redis are journaled or answered with 503",
    }),
    journalMaxEntries: setting("CACHE_JOURNAL_MAX_ENTRIES", integer({ min: 1, max: 10_000_000 }), {
      default: "100000",
      about: "Most writes the journal holds for Redis",
    }),
    journalMaxBytes: setting("CACHE_JOURNAL_MAX_MB", megabytes({ min: 1, max: 1_048_576 }), {
      default: "64",
      about: "Most megabytes the journal holds for Redis",
    }),
  },
  broker: {
    type: setting("BROKER_TYPE", oneOf("none", "rabbitmq", "kafka"), {
      default: "none",
      about: "Broker that brings invalidation events",
    }),
    urls: setting("BROKER_URL", brokerUrls, {
      default: "",
      about: "amqp:// or amqps:// URL of RabbitMQ, or host:port of Kafka, several with commas",
    }),
    topic: setting("BROKER_TOPIC", identifier, {
      default: "cache-invalidation",
      about: "Topic (Kafka) or exchange (RabbitMQ) of the events",
    }),
    groupId: setting("BROKER_GROUP_ID", identifier, {
      default: "cache-service",
      about: "Subscription that all replicas share",
    }),
    username: optional("BROKER_USERNAME", line, { about: "User at the broker" }),
    password: optional("BROKER_PASSWORD", secret({ minBytes: 1 }), {
      about: "Password at the broker",
    }),
    tlsEnabled: setting("BROKER_TLS_ENABLED", boolean, {
      default: "false",
      about: "Whether to reach the broker over TLS",
    }),
    tlsCaFile: optional("BROKER_TLS_CA_FILE", file, {
      about: "Authority (PEM) that signed the broker's certificate",
    }),
  },
  auth: {
    enabled: setting("AUTH_ENABLED", boolean, {
      default: "true",
      about: "Whether callers must show a token",
    }),
    jwtSecret: optional("AUTH_JWT_SECRET", secret({ minBytes: 32 }), {
      about: "Secret of HS256, HS384 and HS512 tokens; at least 32 bytes",
    }),
    jwksUrl: optional("AUTH_JWKS_URL", httpUrl, {
      about: "URL of the JSON Web Key Set that signs tokens",
    }),
    jwtPublicKeyFile: optional("AUTH_JWT_PUBLIC_KEY_FILE", file, {
      about: "Public key (PEM) that verifies tokens",
    }),
    allowInsecure: setting("AUTH_ALLOW_INSECURE", boolean, {
      default: "false",
      about: "Lets AUTH_ENABLED=false stand on an address that others can reach",
    }),
    jwtIssuer: optional("AUTH_JWT_ISSUER", line, { about: "The iss that tokens must have" }),
    jwtAudience: optional("AUTH_JWT_AUDIENCE", line, { about: "The aud that tokens must have" }),
    encryptionKeys: setting("AUTH_ENCRYPTION_KEY", listOf(encryptionKey), {
      default: "",
      about: "Key that seals values: base64 of 32 bytes; older keys that still open after commas",
    }),
    encryptionKeyFile: optional("AUTH_ENCRYPTION_KEY_FILE", file, {
      about: "File with such keys, read again whenever it changes",
    }),
  },
  telemetry: {
    metricsEnabled: setting("METRICS_ENABLED", boolean, {
      default: "true",
      about: "Whether to serve metrics",
    }),
    metricsPath: setting("METRICS_PATH", metricsPath, {
      default: "/metrics",
      about: "Path of the metrics",
    }),
    metricsPort: optional("METRICS_PORT", port, {
      about: "Port for metrics and admin routes alone; without it they share the HTTP port",
    }),
    logLevel: setting("LOG_LEVEL", oneOf("debug", "info", "warn", "error"), {
      default: "info",
      about: "Least severe level that is logged",
    }),
    logFormat: setting("LOG_FORMAT", oneOf("json", "pretty"), {
      default: "json",
      about: "json for machines, pretty for a terminal",
    }),
    logRequests: setting("LOG_REQUESTS", boolean, {
      default: "true",
      about: "Whether each operation is logged",
    }),
    logKeys: setting("LOG_KEYS", oneOf("none", "hash"), {
      default: "none",
      about: "hash adds 8 hex digits of the key's SHA-256 to log lines",
    }),
    tracingEnabled: setting("TRACING_ENABLED", boolean, {
      default: "false",
      about: "Whether to export traces",
    }),
    tracingEndpoint: optional("TRACING_ENDPOINT", httpUrl, {
      about: "Base URL of an OTLP collector; else OTEL_EXPORTER_OTLP_ENDPOINT",
      fallback: "OTEL_EXPORTER_OTLP_ENDPOINT",
    }),
  },
};

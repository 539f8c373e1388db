/**
 * What one would write without this service: Hono and ioredis, and nothing else. The same routes
 * and answers; no limits, no identity, no versions, no order of writes, no timeouts.
 * Arguments: port, port of Redis.
 */
import { Buffer } from "node:buffer";
import { Hono } from "hono";
import { Redis } from "ioredis";

const TTL_SECONDS = 3600;
const [port = "", redisPort = ""] = Deno.args;
const redis = new Redis({ port: Number(redisPort), enableAutoPipelining: true });
const app = new Hono();

const redisKey = (namespace: string, key: string): string => `peer:${namespace}:${key}`;

app.get("/api/v1/cache/:namespace/:key", async (c) => {
  const { namespace, key } = c.req.param();
  const value = await redis.getBuffer(redisKey(namespace, key));
  if (value === null) return c.json({ found: false }, 404);
  return c.json({
    found: true,
    value: value.toString("base64"),
    source: "redis",
    ttl_seconds: TTL_SECONDS,
  });
});

app.put("/api/v1/cache/:namespace/:key", async (c) => {
  const { namespace, key } = c.req.param();
  const { value } = await c.req.json<{ value: string }>();
  await redis.set(redisKey(namespace, key), Buffer.from(value, "base64"), "EX", TTL_SECONDS);
  return c.json({ success: true });
});

app.post("/api/v1/cache/:namespace/batch/get", async (c) => {
  const { namespace } = c.req.param();
  const { keys } = await c.req.json<{ keys: string[] }>();
  const found = await redis.mgetBuffer(keys.map((key) => redisKey(namespace, key)));
  const values: Record<string, string> = {};
  const missing: string[] = [];
  for (const [i, key] of keys.entries()) {
    const value = found[i];
    if (value) values[key] = value.toString("base64");
    else missing.push(key);
  }
  return c.json({ values, missing_keys: missing });
});

Deno.serve({ hostname: "127.0.0.1", port: Number(port) }, app.fetch);

// METRICS_PORT: metrics and admin routes move to a port of their own.
import assert from "node:assert/strict";
import { startTestApp } from "../harness/apps.ts";

Deno.test("with a port of their own, metrics and admin routes are there and nowhere else", async () => {
  await using app = await startTestApp({ METRICS_PORT: "0" });
  await app.rest.set({ namespace: "n", key: "k", value: Uint8Array.of(1) });
  await app.rest.get("n", "k");
  const statusOf = async (port: number, path: string): Promise<number> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    await response.body?.cancel();
    return response.status;
  };
  const { httpPort, metricsPort } = app.app;
  assert.notEqual(httpPort, metricsPort);
  for (const path of ["/metrics", "/api/v1/admin/stats", "/api/v1/admin/log-level"]) {
    assert.equal(await statusOf(httpPort, path), 404, path);
    assert.equal(await statusOf(metricsPort, path), 200, path);
  }
  assert.equal(await statusOf(metricsPort, "/api/v1/cache/n/k"), 404);
  for (const path of ["/live", "/ready", "/health"]) {
    assert.equal(await statusOf(httpPort, path), 200);
    assert.equal(await statusOf(metricsPort, path), 200);
  }
  const stats = await (await fetch(`http://127.0.0.1:${metricsPort}/api/v1/admin/stats`)).json();
  assert.deepEqual(stats.cache_hit_total, { redis: 0, local: 1 });
  assert.equal(stats.cache_miss_total, 0);
  assert.equal(stats.cache_latency_seconds.get.count, 1);
  assert(stats.cache_latency_seconds.get.p99 > 0);
});

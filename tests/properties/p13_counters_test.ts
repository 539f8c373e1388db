// Property 13, requirements 6.1 to 6.3: counters equal a model's hits and misses, and every operation has
// one sample of its latency.
import assert from "node:assert/strict";
import fc from "fast-check";
import { startTestApp, type TestApp } from "../harness/apps.ts";
import { emptyTally, makeMetered, meteredCalls, type Tally } from "../harness/metered_calls.ts";
import { parseExposition, type Sample, sumOf } from "../support/exposition.ts";
import { propertyOptions } from "../support/seeded_random.ts";

async function scrape({ origin }: TestApp): Promise<Sample[]> {
  return parseExposition(await (await fetch(`${origin}/metrics`)).text());
}

function checkAgainst(samples: readonly Sample[], tally: Tally): void {
  const { local, redis } = tally.hits;
  const sum = (name: string, labels = {}): number => sumOf(samples, { name, labels });
  assert.equal(sum("cache_hit_total", { source: "local" }), local);
  assert.equal(sum("cache_hit_total", { source: "redis" }), redis);
  assert.equal(sum("cache_miss_total"), tally.misses);
  for (const [operation, count] of Object.entries(tally.operations)) {
    assert.equal(sum("cache_latency_seconds_count", { operation }), count, operation);
  }
  const all = Object.values(tally.operations).reduce((total, count) => total + count, 0);
  assert.equal(sum("cache_latency_seconds_count"), all);
}

Deno.test("counters tell what clients were answered, over both APIs", async () => {
  await using app = await startTestApp();
  const tally = emptyTally();
  await fc.assert(
    fc.asyncProperty(meteredCalls, fc.boolean(), async (calls, byGrpc) => {
      const driver = byGrpc ? app.grpc : app.rest;
      for (const call of calls) await makeMetered(driver, { call, tally });
      checkAgainst(await scrape(app), tally);
    }),
    { ...propertyOptions(), endOnFailure: true },
  );
});

Deno.test("calls at one time, and scrapes among them, lose no count", async () => {
  await using app = await startTestApp();
  const tally = emptyTally();
  await app.rest.set({ namespace: "n", key: "a", value: Uint8Array.of(1) });
  tally.operations.set = 1;
  const call = { name: "get", key: "a" } as const;
  await Promise.all(Array.from({ length: 300 }, async (_, i) => {
    await makeMetered(i % 2 === 0 ? app.rest : app.grpc, { call, tally });
    if (i % 10 === 0) await scrape(app);
  }));
  checkAgainst(await scrape(app), tally);
});

Deno.test("no label holds a key, a namespace, a path or a method of the caller's", async () => {
  await using app = await startTestApp({ METRICS_PATH: "/m" });
  const odd = "mine-and-nobody-elses";
  await app.rest.get(odd, odd);
  await (await fetch(`${app.origin}/${odd}`)).body?.cancel();
  await (await fetch(`${app.origin}/api/v1/cache/${odd}/a/b/c`, { method: "PURGE" })).body
    ?.cancel();
  const text = await (await fetch(`${app.origin}/m`)).text();
  assert.equal(text.includes(odd), false);
  assert.equal(text.includes("PURGE"), false);
  const samples = parseExposition(text);
  const name = "http_server_request_duration_seconds_count";
  assert.equal(sumOf(samples, { name, labels: { route: "none", status: "404" } }), 2);
});

Deno.test("every gRPC call is counted by its status, one that is refused unread too", async () => {
  await using app = await startTestApp();
  const value = new Uint8Array(20 * 1024 * 1024);
  await assert.rejects(app.grpc.set({ namespace: "n", key: "k", value }));
  await assert.rejects(app.grpc.get("-", "k"));
  await app.grpc.get("n", "k");
  await app.grpc.call("Health", {});
  const samples = await scrape(app);
  const count = (method: string, code: string): number =>
    sumOf(samples, { name: "rpc_server_duration_seconds_count", labels: { method, code } });
  assert.equal(count("Set", "RESOURCE_EXHAUSTED"), 1);
  assert.equal(count("Get", "INVALID_ARGUMENT"), 1);
  assert.equal(count("Get", "OK"), 1);
  assert.equal(count("Health", "OK"), 1);
  assert.equal(sumOf(samples, { name: "rpc_server_duration_seconds_count" }), 4);
});

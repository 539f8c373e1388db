import assert from "node:assert/strict";
import { jsonInit, restFixture } from "./rest_fixture.ts";

const json = async (answer: Promise<Response>) => (await answer).json();

Deno.test("health tells how the service does", async () => {
  const { send, lifecycle } = restFixture();
  const health = {
    healthy: true,
    status: "ok",
    redis_status: "disabled",
    broker_status: "disabled",
    local_cache_enabled: false,
    version: "1.2.3",
  };
  assert.deepEqual(await json(send("/health")), health);
  lifecycle.enter("draining");
  const draining = await send("/health");
  assert.equal(draining.status, 200);
  assert.deepEqual(await draining.json(), { ...health, healthy: false });
});

Deno.test("health without Redis is degraded, and 200", async () => {
  const { send } = restFixture({ store: { status: () => "disconnected" } });
  const response = await send("/health");
  assert.equal(response.status, 200);
  const { status, redis_status } = await response.json();
  assert.deepEqual([status, redis_status], ["degraded", "disconnected"]);
});

Deno.test("the probes follow the phase", async () => {
  const { send, lifecycle } = restFixture({ store: { status: () => "disconnected" } });
  const probes = async () => {
    const [live, ready] = await Promise.all([send("/live"), send("/ready")]);
    return [live.status, ready.status, (await ready.json()).status];
  };
  assert.deepEqual(await probes(), [200, 200, "serving"]);
  lifecycle.enter("draining");
  assert.deepEqual(await probes(), [200, 503, "draining"]);
  lifecycle.enter("starting");
  assert.deepEqual(await probes(), [200, 503, "starting"]);
});

interface Operation {
  readonly security?: unknown;
  readonly responses: Record<string, unknown>;
}

Deno.test("OpenAPI describes every route and every method, and no other", async () => {
  const { send } = restFixture();
  const document = await json(send("/openapi.json"));
  assert.equal(document.openapi, "3.1.0");
  assert.equal(document.info.version, "1.2.3");
  const paths: [string, Record<string, Operation>][] = Object.entries(document.paths);
  assert.equal(paths.length, 11);
  for (const [template, operations] of paths) {
    const path = template.replace("{namespace}", "ns").replace("{key}", "k");
    const allow = (await send(path, { method: "PATCH" })).headers.get("allow") ?? "";
    const described = Object.keys(operations).filter((name) => name !== "parameters");
    assert.deepEqual(described.sort(), allow.toLowerCase().split(", ").sort(), template);
  }
});

Deno.test("OpenAPI asks for a token on the cache alone", async () => {
  const document = await json(restFixture().send("/openapi.json"));
  assert.equal(document.components.securitySchemes.bearer.scheme, "bearer");
  const paths: [string, Record<string, Operation>][] = Object.entries(document.paths);
  for (const [path, { parameters: _, ...operations }] of paths) {
    for (const operation of Object.values(operations)) {
      assert.equal(operation.security !== undefined, path.startsWith("/api/"), path);
    }
  }
});

Deno.test("every reference in OpenAPI leads somewhere", async () => {
  const document = await json(restFixture().send("/openapi.json"));
  const references = JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g);
  let count = 0;
  for (const [, path = ""] of references) {
    const target = path.split("/").reduce((node, name) => node?.[name], document);
    assert.notEqual(target, undefined, path);
    count++;
  }
  assert.ok(count > 20);
});

Deno.test("the schemas of OpenAPI are those the routes read by", async () => {
  const { send } = restFixture();
  const { schemas } = (await json(send("/openapi.json"))).components;
  assert.deepEqual(schemas.SetBody, {
    type: "object",
    properties: {
      value: { type: "string", contentEncoding: "base64" },
      ttl_seconds: { type: "integer", minimum: 0, maximum: 2_592_000 },
      encrypt: { type: "boolean" },
    },
    required: ["value"],
  });
  assert.deepEqual(schemas.BatchSetBody.properties.entries, {
    type: "object",
    additionalProperties: { type: "string", contentEncoding: "base64" },
  });
  assert.deepEqual(schemas.BatchGetBody.properties.keys, {
    type: "array",
    items: { type: "string" },
  });
  const problem = await json(send("/api/v1/cache/ns/k", jsonInit("PUT", "[]")));
  assert.deepEqual(
    schemas.Problem.required,
    Object.keys(problem).filter((name) => name !== "errors"),
  );
});

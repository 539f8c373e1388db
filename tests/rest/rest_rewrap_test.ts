import assert from "node:assert/strict";
import type { Verifier } from "../../src/auth/verifier.ts";
import { CacheError } from "../../src/core/errors.ts";
import { MarkedEnvelope } from "../harness/marked_envelope.ts";
import { silentRecord } from "../harness/silent.ts";
import { type RestFixture, restFixture } from "./rest_fixture.ts";

const PATH = "/api/v1/admin/rewrap/ns";
const POST = { method: "POST" };

/** Reads an answer line by line. */
class Lines {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(response: Response) {
    assert(response.body !== null);
    this.#reader = response.body.getReader();
  }

  /** The next line; nothing at the end. */
  async next(): Promise<Record<string, unknown> | undefined> {
    const { done, value } = await this.#reader.read();
    if (done) return undefined;
    const text = new TextDecoder().decode(value);
    assert(text.endsWith("\n"));
    return JSON.parse(text);
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }
}

/** A service with entries under an older key, which are not opened until `held` resolves. */
async function fixture(
  count = 1,
): Promise<RestFixture & { readonly held: PromiseWithResolvers<void> }> {
  const envelope = new MarkedEnvelope([1]);
  const rest = restFixture({ envelope });
  const keys = Array.from({ length: count }, (_, i) => [`k${i}`, Uint8Array.of(1)] as const);
  await rest.service.batchSet({ namespace: "ns", entries: new Map(keys), encrypt: true }, {
    principal: { subject: "s", namespaces: new Set("*"), scopes: new Set(["cache:write"]) },
    record: silentRecord(),
    deadlineMs: Infinity,
  });
  envelope.keys.unshift(2);
  const held = Promise.withResolvers<void>();
  const open = envelope.open.bind(envelope);
  envelope.open = async (payload, context) => {
    await held.promise;
    return await open(payload, context);
  };
  return { ...rest, held };
}

const COUNTS = {
  scanned: 0,
  rewrapped: 0,
  current: 0,
  plain: 0,
  invalid: 0,
  failed: 0,
  superseded: 0,
};

Deno.test("a rewrap tells its counts at once, every second and at its end, past the request timeout", async () => {
  const { send, app, clock, held } = await fixture();
  const response = await send(PATH, POST);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/x-ndjson");
  assert.equal(response.headers.get("cache-control"), "no-store");
  const lines = new Lines(response);
  assert.deepEqual(await lines.next(), COUNTS);
  for (let second = 1; second <= 30; second++) {
    const line = lines.next();
    await clock.advance(1000);
    assert.deepEqual(await line, COUNTS);
  }
  assert.equal(app.isIdle, false);
  held.resolve();
  const last = lines.next();
  await clock.advance(500);
  assert.deepEqual(await last, { ...COUNTS, scanned: 1, rewrapped: 1, done: true });
  assert.equal(await lines.next(), undefined);
  assert.equal(app.isIdle, true);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("a client that reads nothing gets no lines piled up", async () => {
  const { send, clock, held } = await fixture();
  const lines = new Lines(await send(PATH, POST));
  await clock.advance(60_000);
  held.resolve();
  await clock.advance(1000);
  let count = 0;
  while (await lines.next() !== undefined) count++;
  assert(count <= 3, `${count} lines`);
});

Deno.test("draining ends a rewrap by a line that says so", async () => {
  const { send, app, clock, held, lifecycle } = await fixture();
  const lines = new Lines(await send(PATH, { ...POST, headers: { "X-Correlation-ID": "id-7" } }));
  await lines.next();
  lifecycle.enter("draining");
  held.resolve();
  await clock.advance(0);
  await app.idle();
  assert.deepEqual(await lines.next(), {
    ...COUNTS,
    scanned: 1,
    rewrapped: 1,
    error: {
      type: "urn:cache-service:problem:overloaded",
      title: "Overloaded",
      status: 503,
      detail: "The service is stopping; another one can go on.",
      code: "overloaded",
      correlation_id: "id-7",
    },
  });
  assert.equal(await lines.next(), undefined);
  const refused = await send(PATH, POST);
  assert.deepEqual([refused.status, (await refused.json()).code], [503, "overloaded"]);
});

Deno.test("a client that goes away ends its rewrap, and another may begin", async () => {
  const { send, app, clock, held } = await fixture(100);
  const lines = new Lines(await send(PATH, POST));
  await lines.next();
  const second = await send(PATH, POST);
  assert.deepEqual([second.status, second.headers.get("retry-after")], [503, "10"]);
  assert.equal((await second.json()).code, "overloaded");
  await lines.cancel();
  assert.equal(app.isIdle, true);
  held.resolve();
  await clock.advance(0);
  const third = new Lines(await send(PATH, POST));
  await third.next();
  await clock.advance(0);
  const last = await third.next();
  assert.deepEqual(last, { ...COUNTS, scanned: 100, current: 16, rewrapped: 84, done: true });
});

Deno.test("a rewrap that cannot begin is refused as any call is", async () => {
  const principal = { subject: "s", namespaces: new Set(["ns"]), scopes: new Set<string>() };
  const admin = { ...principal, scopes: new Set(["cache:admin"]) };
  const refusing: Verifier = {
    verify: () => Promise.reject(new CacheError("unauthorized", "There is no token.")),
  };
  const cases: [Verifier, string, number, string][] = [
    [refusing, PATH, 401, "unauthorized"],
    [refusing, "/api/v1/admin/rewrap/%FF", 401, "unauthorized"],
    [{ verify: () => principal }, PATH, 403, "forbidden"],
    [{ verify: () => admin }, "/api/v1/admin/rewrap/other", 403, "forbidden"],
    [{ verify: () => admin }, "/api/v1/admin/rewrap/%FF", 400, "invalid_namespace"],
    [{ verify: () => admin }, "/api/v1/admin/rewrap/", 400, "invalid_namespace"],
    [{ verify: () => admin }, "/api/v1/admin/rewrap/a:b", 400, "invalid_namespace"],
    [{ verify: () => admin }, "/api/v1/admin/rewrap/ns/k", 404, "not_found"],
    [{ verify: () => admin }, "/api/v1/admin/other/ns", 404, "not_found"],
    [{ verify: () => admin }, PATH, 422, "encryption_unavailable"],
  ];
  for (const [verifier, path, status, code] of cases) {
    const { send, app } = restFixture({ verifier });
    const response = await send(path, POST);
    assert.equal(response.headers.get("content-type"), "application/problem+json");
    assert.deepEqual([response.status, (await response.json()).code], [status, code], path);
    assert.equal(app.isIdle, true);
  }
  const get = await restFixture().send(PATH);
  assert.deepEqual([get.status, get.headers.get("allow")], [405, "POST"]);
  await get.body?.cancel();
});

// Requirement 9.5: more operations at once than allowed are refused, over both APIs together.
import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import fc from "fast-check";
import { Concurrency } from "../../src/core/concurrency.ts";
import type { Verifier } from "../../src/auth/verifier.ts";
import {
  codeOf,
  failureOf,
  slowStore,
  startServer,
  TestClient,
  type TestServer,
} from "../grpc/harness.ts";
import { jsonInit, type RestFixture, restFixture } from "../rest/rest_fixture.ts";
import { callFrames, callHeaders, H2Client } from "../support/h2_client.ts";
import { waitFor } from "../support/wait_for.ts";

const PLACES = 4;
const KEY = { namespace: "ns", key: "k" };
/** The same as a client of frames asks for it. */
const GET = callHeaders("/cache.v1.CacheService/Get");
const MESSAGE = Uint8Array.of(0x0a, 1, 0x6b, 0x12, 2, 0x6e, 0x73);
const PATH = "/api/v1/cache/ns/k";
const TOO_MANY = "The service serves as many operations at once as it may.";
const DEADLINE = { deadlineMs: 10_000 };

/** Lets all read, and nobody write. */
const READERS: Verifier = {
  verify: () => ({ subject: "s", namespaces: new Set(["*"]), scopes: new Set(["cache:read"]) }),
};

interface Apis {
  readonly rest: RestFixture;
  readonly server: TestServer;
  readonly grpc: TestClient;
  /** Has the stores answer, from now on. */
  readonly release: () => void;
  readonly concurrency: Concurrency;
}

/** Both APIs over one limit, and stores whose reads wait for `release`. */
async function withApis(test: (apis: Apis) => Promise<void>): Promise<void> {
  const concurrency = new Concurrency(PLACES);
  const { store, release } = slowStore();
  const shared = { concurrency, verifier: READERS };
  const rest = restFixture({ ...shared, store: { get: (key) => store.get(key) } });
  await using server = await startServer({ ...shared, store });
  using grpc = new TestClient(server.address);
  await test({ rest, server, grpc, release, concurrency });
}

/** A request whose body nobody may read. */
function unreadBody(): RequestInit & { readonly isRead: () => boolean } {
  let isRead = false;
  const body = new ReadableStream({ pull: () => void (isRead = true) }, { highWaterMark: 0 });
  const headers = { "Content-Type": "application/octet-stream" };
  return { method: "PUT", headers, body, isRead: () => isRead };
}

Deno.test("operations beyond the limit are overloaded over both APIs, and probes are not", () =>
  withApis(async ({ rest, grpc, release, concurrency }) => {
    const held = [
      ...[1, 2].map(() => rest.send(PATH).then(({ status }) => status)),
      ...[1, 2].map(() => grpc.call("Get", KEY).then(({ message }) => message.found)),
    ];
    await waitFor(() => concurrency.count === PLACES, { ...DEADLINE, what: "all places taken" });

    const put = unreadBody();
    for (const init of [{}, put, jsonInit("PUT", { value: "" }), { method: "DELETE" }]) {
      const answer = await rest.send(PATH, init);
      assert.equal(answer.status, 503);
      assert.equal(answer.headers.get("Retry-After"), "1");
      const { code, detail } = await answer.json();
      assert.deepEqual([code, detail], ["overloaded", TOO_MANY]);
    }
    assert.equal(put.isRead(), false);
    for (const method of ["Get", "Set", "Delete", "BatchGet", "BatchSet"]) {
      const failure = await failureOf(grpc.call(method, { namespace: "ns" }));
      assert.equal(failure.code, status.UNAVAILABLE);
      assert.deepEqual([codeOf(failure), failure.details], ["overloaded", TOO_MANY]);
    }
    for (const path of ["/live", "/ready", "/health", "/openapi.json"]) {
      assert.equal((await rest.send(path)).status, 200, path);
    }
    assert.equal((await grpc.call("Health", {})).message.healthy, true);
    const health = { service: "grpc.health.v1.Health" };
    assert.equal((await grpc.call("Check", {}, health)).message.status, 1);
    assert.equal(concurrency.count, PLACES);

    release();
    assert.deepEqual(await Promise.all(held), [404, 404, false, false]);
    await waitFor(() => concurrency.count === 0, { ...DEADLINE, what: "all places free" });
    assert.equal((await rest.send(PATH)).status, 404);
    await grpc.call("Get", KEY);
  }));

/** Ways of an operation through an API, and out of it. */
const WAYS: Readonly<Record<string, (apis: Apis) => Promise<unknown>>> = {
  "a REST read": ({ rest }) => rest.send(PATH),
  "a forbidden REST write": ({ rest }) => rest.send(PATH, jsonInit("PUT", { value: "" })),
  "a faulty REST body": ({ rest }) => rest.send(PATH, jsonInit("PUT", "{")),
  "a REST route that is none": ({ rest }) => rest.send("/api/v1/cache/ns"),
  "a REST method that is none": ({ rest }) => rest.send(PATH, { method: "PATCH" }),
  "a gRPC read": ({ grpc }) => grpc.call("Get", KEY),
  "a forbidden gRPC write": ({ grpc }) => failureOf(grpc.call("Set", KEY)),
  "a faulty gRPC message": ({ grpc }) => failureOf(grpc.call("Get", Uint8Array.of(0x0a, 9))),
  "a gRPC call past its deadline": ({ grpc }) =>
    failureOf(grpc.call("Get", KEY, { deadlineMs: 1 })),
  "a cancelled gRPC call": ({ grpc }) =>
    failureOf(grpc.call("Get", KEY, { started: (call) => queueMicrotask(() => call.cancel()) })),
  "a gRPC client that goes": async ({ server }) => {
    using client = await H2Client.open(server.port);
    await client.write(callFrames(1, { headers: GET, message: MESSAGE }));
  },
};

Deno.test("whatever becomes of operations, all places are free in the end", () =>
  withApis(async (apis) => {
    const ways = fc.array(fc.constantFrom(...Object.keys(WAYS)), { maxLength: 3 * PLACES });
    apis.release();
    await fc.assert(fc.asyncProperty(ways, async (names) => {
      await Promise.allSettled(names.map((name) => WAYS[name]?.(apis)));
      await waitFor(() => apis.concurrency.count === 0, { ...DEADLINE, what: "free places" });
      assert.equal(await apis.server.idle(), true);
    }));
    assert.equal((await apis.rest.send(PATH)).status, 404);
  }));

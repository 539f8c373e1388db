// Requirements 4.3, 9.5: what a hostile client does to the HTTP/2 of the gRPC server harms nobody else.
import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { CacheError } from "../../src/core/errors.ts";
import type { ConnectionLimits } from "../../src/grpc/connections.ts";
import {
  failureOf,
  type ServerChoices,
  startServer,
  TestClient,
  type TestServer,
} from "../grpc/harness.ts";
import {
  callFrames,
  callHeaders,
  CODE,
  concat,
  FLAG,
  FRAME,
  frame,
  H2Client,
  headerField,
  PREFACE,
  SETTING,
  uint32,
} from "../support/h2_client.ts";
import { waitFor } from "../support/wait_for.ts";
import { flood } from "./h2_flood.ts";

const GET = callHeaders("/cache.v1.CacheService/Get");
const KEY = { namespace: "n", key: "k" };
/** The same request as its message on the wire. */
const MESSAGE = Uint8Array.of(0x0a, 1, 0x6b, 0x12, 1, 0x6e);
const MEBIBYTE = 1 << 20;
/** Short, so that a test sees their end; long enough for what is in order. */
const LIMITS: ConnectionLimits = {
  maxConnections: 100,
  helloTimeoutMs: 400,
  idleTimeoutMs: 60_000,
  stallTimeoutMs: 400,
};
const DEADLINE = { deadlineMs: 10_000 };

const headers = (streamId: number, payload = GET): Uint8Array =>
  frame(FRAME.headers, { streamId, flags: FLAG.endHeaders, payload });
const reset = (streamId: number): Uint8Array =>
  frame(FRAME.resetStream, { streamId, payload: uint32(CODE.cancel) });
const repeated = (count: number, make: (index: number) => Uint8Array): Uint8Array =>
  concat(Array.from({ length: count }, (_, index) => make(index)));
/** The id of the n-th stream that a client opens. */
const streamId = (index: number): number => 2 * index + 1;

/** Runs `attack`; meanwhile and afterwards the server serves others, and then holds nothing of it. */
async function underAttack(
  attack: (server: TestServer) => Promise<void>,
  { connectionLimits, ...choices }: Omit<ServerChoices, "connectionLimits"> & {
    readonly connectionLimits?: Partial<ConnectionLimits>;
  } = {},
): Promise<void> {
  await using server = await startServer({
    ...choices,
    connectionLimits: { ...LIMITS, ...connectionLimits },
  });
  using victim = new TestClient(server.address);
  await victim.call("Get", KEY);
  let isOver = false;
  const victims = (async () => {
    while (!isOver) await victim.call("Get", KEY, DEADLINE);
  })();
  await Promise.all([attack(server).finally(() => isOver = true), victims]);
  await victim.call("Get", KEY, DEADLINE);
  await server.idle();
}

/** Waits until the server closes the connection; returns the types of the frames until then. */
async function framesOf(client: H2Client): Promise<number[]> {
  const types: number[] = [];
  for (let next = await client.read(); next !== undefined; next = await client.read()) {
    types.push(next.type);
  }
  return types;
}

const FLOODS: Readonly<Record<string, (round: number) => Uint8Array>> = {
  "calls that are reset at once (CVE-2023-44487)": (round) =>
    repeated(500, (index) => {
      const id = streamId(round * 500 + index);
      return concat([headers(id), reset(id)]);
    }),
  "calls that make the server reset them (CVE-2025-8671)": (round) =>
    repeated(500, (index) => {
      const id = streamId(round * 500 + index);
      const payload = uint32(0);
      return concat([headers(id), frame(FRAME.windowUpdate, { streamId: id, payload })]);
    }),
  "pings": () => repeated(5_000, () => frame(FRAME.ping, { payload: new Uint8Array(8) })),
  "settings": () => repeated(5_000, () => frame(FRAME.settings, {})),
  "continuations of headers (CVE-2024-27316)": (round) =>
    concat([
      frame(FRAME.headers, { streamId: streamId(round), payload: GET }),
      repeated(100, () =>
        frame(FRAME.continuation, {
          streamId: streamId(round),
          payload: headerField("x", "v".repeat(1_000)),
        })),
    ]),
  "empty continuations": (round) =>
    concat([
      frame(FRAME.headers, { streamId: streamId(round), payload: GET }),
      repeated(1_000, () => frame(FRAME.continuation, { streamId: streamId(round) })),
    ]),
  "empty data": (round) =>
    concat([
      headers(streamId(round)),
      repeated(5_000, () => frame(FRAME.data, { streamId: streamId(round) })),
    ]),
};

for (const [name, make] of Object.entries(FLOODS)) {
  Deno.test(`a flood of ${name} ends its own connection only`, () =>
    underAttack(async ({ port }) => {
      await flood(port, make);
    }));
}

Deno.test("a megabyte of metadata is refused, and what proxies add is not", () =>
  underAttack(async ({ address }) => {
    using client = new TestClient(address);
    const entries = (count: number, bytes: number): Record<string, string> =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, "v".repeat(bytes)]));
    const huge = await failureOf(
      client.call("Get", KEY, { metadata: entries(50, 20_000), ...DEADLINE }),
    );
    assert.notEqual(huge.code, status.DEADLINE_EXCEEDED);
    for (let time = 0; time < 3; time++) {
      const metadata = { ...entries(50, 200), authorization: `Bearer ${"t".repeat(8_000)}` };
      await client.call("Get", KEY, { metadata });
    }
  }));

Deno.test("who says nothing, or only half of it, is closed", () =>
  underAttack(async ({ port }) => {
    const words = [new Uint8Array(), PREFACE.subarray(0, 10), PREFACE];
    await Promise.all(words.map(async (word) => {
      using client = await H2Client.connect(port);
      await client.write(word);
      // The server's own settings, which it sends to anybody.
      assert.deepEqual(await framesOf(client), [FRAME.settings]);
    }));
  }));

Deno.test("who speaks another protocol is closed", () =>
  underAttack(async ({ port }) => {
    using client = await H2Client.connect(port);
    await client.write(new TextEncoder().encode("GET /live HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert.deepEqual((await framesOf(client)).at(-1), FRAME.goAway);
  }));

Deno.test("a connection without calls is closed, one with a call is not", async () => {
  const answers = Promise.withResolvers<void>();
  const verify = () => answers.promise.then(() => Promise.reject(new CacheError("forbidden", "")));
  await using server = await startServer({
    verifier: { verify },
    connectionLimits: { ...LIMITS, idleTimeoutMs: 100 },
  });
  using idle = new TestClient(server.address);
  using busy = new TestClient(server.address);
  const slow = failureOf(busy.call("Get", KEY));
  await idle.call("Health", {});
  await waitFor(() => !idle.connected(), { ...DEADLINE, what: "the idle connection to end" });
  assert.equal(busy.connected(), true);
  answers.resolve();
  assert.equal((await slow).code, status.PERMISSION_DENIED);
  await idle.call("Health", {});
});

Deno.test("more connections than allowed are closed, until others have gone", () => {
  const maxConnections = 5;
  return underAttack(async ({ port, address }) => {
    const crowd: H2Client[] = [];
    // The victim has one of the places.
    while (crowd.length < maxConnections - 1) {
      const client = await H2Client.open(port);
      assert.equal((await client.read())?.type, FRAME.settings);
      crowd.push(client);
    }
    using late = await H2Client.connect(port);
    assert.deepEqual(await framesOf(late), []);
    for (const client of crowd) client[Symbol.dispose]();
    using next = new TestClient(address);
    await waitFor(() => next.call("Get", KEY), { ...DEADLINE, what: "a free place" });
  }, { connectionLimits: { maxConnections } });
});

const BUDGET_BYTES = 8 * MEBIBYTE;

/** Has a value of 1 MiB asked for by 50 calls, whose answers nobody takes. */
async function askForMuch(
  { address, port, budget }: TestServer,
  settings: Readonly<Record<number, number>>,
): Promise<H2Client> {
  using writer = new TestClient(address);
  await writer.call("Set", { ...KEY, value: new Uint8Array(MEBIBYTE) });
  const client = await H2Client.open(port, settings);
  const payload = uint32(2 ** 31 - 1 - 65_535);
  await client.write(concat([
    frame(FRAME.windowUpdate, { payload }),
    repeated(50, (index) => callFrames(streamId(index), { headers: GET, message: MESSAGE })),
  ]));
  await waitFor(() => budget.usedBytes > BUDGET_BYTES - 2 * MEBIBYTE, {
    ...DEADLINE,
    what: "answers to wait for their client",
  });
  return client;
}

Deno.test("answers that a client does not read are bounded, and it is cut off", async () => {
  // Enough for what is asked meanwhile, also on a busy machine.
  const connectionLimits = { ...LIMITS, stallTimeoutMs: 2_000 };
  await using server = await startServer({ budgetBytes: BUDGET_BYTES, connectionLimits });
  using _client = await askForMuch(server, { [SETTING.initialWindowSize]: 2 ** 31 - 1 });
  using other = new TestClient(server.address);
  for (let time = 0; time < 20; time++) {
    assert.equal((await other.call("Get", { ...KEY, key: "other" })).message.found, false);
    // They stay counted while the connection has them, also those that their streams are rid of.
    const { usedBytes } = server.budget;
    assert.ok(usedBytes > BUDGET_BYTES / 2 && usedBytes <= BUDGET_BYTES, `${usedBytes}`);
  }
  await server.idle();
  assert.equal((await other.call("Get", KEY)).message.found, true);
});

Deno.test("a connection that has nothing to take is not cut off", async () => {
  const stallTimeoutMs = 200;
  await using server = await startServer({ connectionLimits: { ...LIMITS, stallTimeoutMs } });
  using quiet = await H2Client.open(server.port);
  using other = new TestClient(server.address);
  const startMs = performance.now();
  while (performance.now() - startMs < 5 * stallTimeoutMs) await other.call("Get", KEY);
  await quiet.write(frame(FRAME.ping, { payload: new Uint8Array(8) }));
  let next = await quiet.read();
  while (next?.type === FRAME.settings) next = await quiet.read();
  assert.equal(next?.type, FRAME.ping);
});

Deno.test("answers for which a client opens no window are bounded, and given up", async () => {
  await using server = await startServer({
    budgetBytes: BUDGET_BYTES,
    connectionLimits: LIMITS,
    requestTimeoutMs: 400,
  });
  using client = await askForMuch(server, { [SETTING.initialWindowSize]: 0 });
  assert.ok(server.budget.usedBytes <= BUDGET_BYTES);
  await server.idle();
  let next = await client.read();
  while (next?.type !== FRAME.resetStream) next = await client.read();
  assert.equal(next.code(), CODE.cancel);
  using other = new TestClient(server.address);
  assert.equal((await other.call("Get", KEY)).message.found, true);
});

Deno.test("a watch goes on for longer than an answer may take", async () => {
  await using server = await startServer({ connectionLimits: LIMITS, requestTimeoutMs: 50 });
  using client = new TestClient(server.address);
  const watch = client.watch("");
  const statuses: unknown[] = [];
  watch.on("data", ({ status }) => statuses.push(status));
  const ended = new Promise((resolve) => watch.once("error", resolve));
  await waitFor(() => statuses.length === 1, { ...DEADLINE, what: "the first status" });
  const startMs = performance.now();
  while (performance.now() - startMs < 200) await client.call("Get", KEY);
  server.lifecycle.enter("draining");
  await waitFor(() => statuses.length === 2, { ...DEADLINE, what: "the second status" });
  watch.cancel();
  await ended;
});

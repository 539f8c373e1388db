// Requirements 4.3, 9.5: what a hostile client does to the HTTP of the REST server harms nobody else.
import assert from "node:assert/strict";
import { type ConnectionLimits, startRestServer } from "../../src/http/rest_server.ts";
import { systemClock } from "../../src/system.ts";
import { RawClient } from "../rest/raw_client.ts";
import { type RestFixture, restFixture } from "../rest/rest_fixture.ts";
import { waitFor } from "../support/wait_for.ts";

const CACHE = "/api/v1/cache/ns";
const MEBIBYTE = 1 << 20;
const OCTETS = "Content-Type: application/octet-stream\r\n";
const JSON_TYPE = "Content-Type: application/json\r\n";
const LIVE = "GET /live HTTP/1.1\r\nHost: h\r\n\r\n";
/** Short, so that a test sees their end; long enough for what is in order. */
const LIMITS = { maxConnections: 100, headTimeoutMs: 400, idleTimeoutMs: 400 };
const BODY_TIMEOUT_MS = 400;
/** Before this, whatever the limits end must have ended. */
const CUT_MS = 4000;
const DEADLINE = { deadlineMs: 10_000 };

const put = (key: string, headers: string): string =>
  `PUT ${CACHE}/${key} HTTP/1.1\r\nHost: h\r\n${OCTETS}${headers}\r\n`;
const post = (call: string, length: number): string =>
  `POST ${CACHE}/batch/${call} HTTP/1.1\r\nHost: h\r\n${JSON_TYPE}Content-Length: ${length}\r\n\r\n`;
const SMUGGLED = put("smuggled", "Content-Length: 1\r\n") + "x";
const status = (answer: string): string => answer.slice("HTTP/1.1 ".length, 12);

/** Runs `attack`; afterwards the server must serve others, and hold nothing of it. */
async function underAttack(
  attack: (port: number, fixture: RestFixture) => Promise<void>,
  { limits = {}, fixture = restFixture(), requestTimeoutMs = 10_000 }: {
    readonly limits?: Partial<ConnectionLimits>;
    readonly fixture?: RestFixture;
    readonly requestTimeoutMs?: number;
  } = {},
): Promise<void> {
  const quiet = (): void => {};
  const server = await startRestServer(fixture.app, {
    host: "127.0.0.1",
    port: 0,
    requestTimeoutMs,
    connectionLimits: { ...LIMITS, ...limits },
    clock: systemClock,
    logger: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  });
  try {
    await attack(server.port, fixture);
    await isServed(server.port);
    await waitFor(() => fixture.budget.usedBytes === 0, { ...DEADLINE, what: "an empty budget" });
    assert.deepEqual(fixture.errors, []);
  } finally {
    await server.abort();
  }
}

/** Asks until it is answered: on a busy machine the short limits of a test end connections early. */
async function isServed(port: number): Promise<void> {
  await waitFor(async () => {
    using client = await RawClient.connect(port);
    await client.send(LIVE);
    return /^HTTP\/1\.1 200 /.test(await client.receive("}"));
  }, { ...DEADLINE, what: "an answer to others" });
}

/** All that is answered to `data` until the server closes the connection, by a reset or in order. */
async function answersTo(port: number, data: string | Uint8Array): Promise<string> {
  using client = await RawClient.connect(port);
  await client.send(data).catch(() => {});
  return await client.receive().catch(() => client.received);
}

Deno.test("a megabyte of headers, or of a path, is refused", async () => {
  await underAttack(async (port) => {
    const filler = "a".repeat(MEBIBYTE);
    const heads = [
      `GET /live HTTP/1.1\r\nHost: h\r\nX-Filler: ${filler}\r\n\r\n`,
      `GET /live HTTP/1.1\r\nHost: h\r\n${"X: 1\r\n".repeat(MEBIBYTE / 6)}\r\n`,
      `GET ${CACHE}/${filler} HTTP/1.1\r\nHost: h\r\n\r\n`,
    ].map((head) => new TextEncoder().encode(head));
    for (const head of heads) {
      const answer = await answersTo(port, head);
      assert.ok(answer === "" || /^HTTP\/1\.1 4(14|31) /.test(answer), answer);
    }
  });
});

const SMUGGLING: Readonly<Record<string, string>> = {
  "a length and chunks": `Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  "chunks and a length": `Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n`,
  "two lengths": `Content-Length: 4\r\nContent-Length: 0\r\n\r\n`,
  "a list of lengths": `Content-Length: 0, 4\r\n\r\n`,
  "a length with a plus": `Content-Length: +0\r\n\r\n`,
  "a negative length": `Content-Length: -1\r\n\r\n`,
  "a length in hex": `Content-Length: 0x0\r\n\r\n`,
  "a length that overflows": `Content-Length: 18446744073709551616\r\n\r\n`,
  "white space before a colon": `Content-Length : 0\r\n\r\n`,
  "a folded header": `X-Folded: a\r\n Content-Length: 0\r\n\r\n`,
  "a bare line feed": `X-Bare: a\nContent-Length: 0\r\n\r\n`,
  "a bare carriage return": `X-Bare: a\rContent-Length: 0\r\n\r\n`,
  "a NUL in a header": `X-Nul: a\0\r\nContent-Length: 0\r\n\r\n`,
  "another coding": `Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
  "a coding after chunked": `Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
  "two codings": `Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n`,
  "a chunk size that overflows":
    `Transfer-Encoding: chunked\r\n\r\n10000000000000001\r\na\r\n0\r\n\r\n`,
  "a negative chunk size": `Transfer-Encoding: chunked\r\n\r\n-1\r\na\r\n0\r\n\r\n`,
  "chunks with bare line feeds": `Transfer-Encoding: chunked\r\n\r\n1\na\n0\n\n`,
  "a chunk without an end": `Transfer-Encoding: chunked\r\n\r\n1\r\naXX0\r\n\r\n`,
};

for (const [name, framing] of Object.entries(SMUGGLING)) {
  Deno.test(`no request is smuggled by ${name}`, async () => {
    await underAttack(async (port, { send }) => {
      const answers = await answersTo(port, put("k", framing) + SMUGGLED);
      assert.match(answers, /^HTTP\/1\.1 400 /);
      assert.equal(answers.split("HTTP/1.1 ").length - 1, 1, answers);
      const smuggled = await send(`${CACHE}/smuggled`);
      assert.equal(smuggled.status, 404);
      await smuggled.body?.cancel();
    });
  });
}

Deno.test("two Host headers, or two tokens, are not read as one", async () => {
  await underAttack(async (port) => {
    const answer = await answersTo(port, "GET /live HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    assert.equal(status(answer), "400");
  });
});

Deno.test("raw bytes in a path are read as UTF-8, or refused", async () => {
  await underAttack(async (port, fixture) => {
    await fixture.put("%C3%A9", "v");
    const get = (key: readonly number[]): Uint8Array =>
      Uint8Array.from([
        ...new TextEncoder().encode(`GET ${CACHE}/`),
        ...key,
        ...new TextEncoder().encode(" HTTP/1.1\r\nHost: h\r\n\r\n"),
      ]);
    assert.match(status(await answersTo(port, get([0xc3, 0xa9]))), /^(200|400)$/);
    assert.equal(status(await answersTo(port, get([0xff]))), "400");
  });
});

Deno.test("heads that come byte by byte, or not at all, hold up nobody and are cut off", async () => {
  await underAttack(async (port) => {
    const startedMs = performance.now();
    const clients = await Promise.all(
      Array.from({ length: 50 }, () => RawClient.connect(port)),
    );
    let sent = 0;
    const drip = setInterval(() => {
      const byte = LIVE.charAt(sent++ % 10);
      for (const client of clients.slice(10)) client.send(byte).catch(() => {});
    }, 50);
    try {
      await isServed(port);
      await Promise.all(clients.map((client) => client.receive().catch(() => {})));
    } finally {
      clearInterval(drip);
      for (const client of clients) client[Symbol.dispose]();
    }
    const elapsedMs = performance.now() - startedMs;
    assert.ok(elapsedMs >= LIMITS.headTimeoutMs && elapsedMs < CUT_MS, `${elapsedMs}`);
  });
});

Deno.test("a body that comes byte by byte holds up nobody and is cut off", async () => {
  await underAttack(async (port) => {
    using client = await RawClient.connect(port);
    await client.send(put("k", "Content-Length: 1000\r\n"));
    const drip = setInterval(() => client.send("x").catch(() => {}), 50);
    try {
      await isServed(port);
      await client.receive().catch(() => {});
    } finally {
      clearInterval(drip);
    }
  }, { requestTimeoutMs: BODY_TIMEOUT_MS });
});

Deno.test("a connection that is idle is closed in the end, and not before", async () => {
  await underAttack(async (port) => {
    using client = await RawClient.connect(port);
    for (let round = 0; round < 3; round++) {
      await client.send(LIVE);
      assert.equal(status(await client.receive("}")), "200");
      await new Promise((resolve) => setTimeout(resolve, LIMITS.idleTimeoutMs / 2));
    }
    const startedMs = performance.now();
    assert.equal(await client.receive(), "");
    assert.ok(performance.now() - startedMs < CUT_MS);
  });
});

Deno.test("more connections than allowed are closed, until others have gone", async () => {
  const maxConnections = 5;
  await underAttack(async (port) => {
    const clients = await Promise.all(
      Array.from({ length: maxConnections }, () => RawClient.connect(port)),
    );
    try {
      await clients[0]?.send(LIVE);
      await clients[0]?.receive("}");
      assert.equal(await answersTo(port, LIVE), "");
    } finally {
      for (const client of clients) client[Symbol.dispose]();
    }
    await waitFor(() => isServed(port).then(() => true), { ...DEADLINE, what: "a free place" });
  }, { limits: { maxConnections } });
});

const KEYS = JSON.stringify({ keys: Array.from({ length: 100_000 }, (_, index) => `k${index}`) });
const ENTRIES = JSON.stringify({
  entries: Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`k${index}`, ""])),
});
const NESTED = "[".repeat(100_000) + "]".repeat(100_000);
const jsonPost = (call: string, body: string): string => post(call, body.length) + body;
const BODIES: Readonly<Record<string, readonly [string, string]>> = {
  "100,000 keys": [jsonPost("get", KEYS), "413"],
  "100,000 entries": [jsonPost("set", ENTRIES), "413"],
  "arrays nested 100,000 deep": [jsonPost("get", NESTED), "413"],
  "entries nested 50 deep": [
    jsonPost("set", `{"entries":${"[".repeat(50)}${"]".repeat(50)}}`),
    "400",
  ],
  "a value nested 100,000 deep": [
    jsonPost("set", `{"entries":{"k":${NESTED}}}`).replace(
      `POST ${CACHE}/batch/set`,
      `PUT ${CACHE}/k`,
    ),
    "400",
  ],
};

for (const [name, [request, expected]] of Object.entries(BODIES)) {
  Deno.test(`a body with ${name} is refused`, async () => {
    await underAttack(async (port) => {
      assert.match(status(await answersTo(port, request)), new RegExp(`^${expected}$`));
    });
  });
}

Deno.test("a body that is not UTF-8 is refused", async () => {
  await underAttack(async (port) => {
    const head = new TextEncoder().encode(post("get", 13) + '{"keys":["');
    const body = Uint8Array.of(...head, 0xff, ...new TextEncoder().encode('"]'));
    assert.equal(status(await answersTo(port, body)), "400");
  });
});

Deno.test("a refusal reaches a client that is still sending its body", async () => {
  await underAttack(async (port) => {
    for (let round = 0; round < 5; round++) {
      using client = await RawClient.connect(port);
      await client.send(put("k", `Content-Length: ${6 * MEBIBYTE}\r\n`));
      const piece = new Uint8Array(MEBIBYTE / 4);
      for (let sent = 0; sent < 6 * MEBIBYTE; sent += piece.length) await client.send(piece);
      const answer = await client.receive();
      assert.equal(status(answer), "413");
      assert.ok(answer.endsWith("}"));
    }
  });
});

Deno.test("pipelined requests are answered in turn, and none after a close", async () => {
  await underAttack(async (port, { send, lifecycle }) => {
    const get = `GET ${CACHE}/k HTTP/1.1\r\nHost: h\r\n`;
    const set = put("k", "Content-Length: 3\r\n") + "one";
    const answers = await answersTo(port, `${set}${get}\r\n${get}Connection: close\r\n\r\n`);
    assert.equal(answers.split("HTTP/1.1 200 ").length - 1, 3);
    assert.equal(answers.split(btoa("one")).length - 1, 2);
    lifecycle.enter("draining");
    const last = await answersTo(port, `${get}\r\n${SMUGGLED}`);
    assert.equal(last.split("HTTP/1.1 ").length - 1, 1);
    assert.equal((await send(`${CACHE}/smuggled`)).status, 404);
  });
});

Deno.test("what is no request does not mix with the answer before it", async () => {
  const limits = { maxValueBytes: 8 * MEBIBYTE };
  await underAttack(async (port, { put }) => {
    await put("k", "x".repeat(8 * MEBIBYTE));
    using client = await RawClient.connect(port);
    await client.send(`GET ${CACHE}/k HTTP/1.1\r\nHost: h\r\n\r\n`);
    await client.receive("\r\n\r\n");
    await client.send("no request\r\n\r\n");
    const [body = "", ...rest] = (await client.receive().catch(() => client.received))
      .split("HTTP/1.1 400");
    assert.ok(rest.length === 0 || body.endsWith("}"), body.slice(-200));
  }, { fixture: restFixture({ limits }) });
});

Deno.test("requests sent ahead are answered in turn, and too many of them end the connection", async () => {
  await underAttack(async (port) => {
    using client = await RawClient.connect(port);
    const last = "GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    await client.send(LIVE.repeat(50) + last);
    assert.equal((await client.receive()).split('{"status":"serving"}').length - 1, 50);

    using flooding = await RawClient.connect(port);
    const flood = flooding.send(LIVE.repeat(100_000)).catch(() => {});
    await isServed(port);
    const answers = await flooding.receive().catch(() => flooding.received);
    assert(answers.split('{"status":"serving"}').length - 1 < 100_000);
    await flood;
  });
});

Deno.test("a body in chunks of one byte is held as its bytes", async () => {
  await underAttack(async (port, { budget }) => {
    const chunks = 300_000;
    const used = (): number => Deno.memoryUsage().heapUsed + Deno.memoryUsage().external;
    using client = await RawClient.connect(port);
    await client.send(put("k", "Transfer-Encoding: chunked\r\n"));
    const before = used();
    await client.send("1\r\nx\r\n".repeat(chunks));
    await waitFor(() => budget.usedBytes === chunks, { ...DEADLINE, what: "all chunks" });
    // As objects of their own they would take more than a hundred, and not only until the next
    // collection of garbage, which comes with more of it.
    await waitFor(() => {
      Array.from({ length: 100_000 }, () => ({}));
      return used() - before < 50 * MEBIBYTE;
    }, { ...DEADLINE, what: "the body to take less than 50 MiB" });
    await client.send("0\r\n\r\n");
    assert.equal(status(await client.receive("}")), "200");
  });
});

Deno.test("who only holds connections makes room for others", async () => {
  const maxConnections = 100;
  await underAttack(async (port) => {
    await using stack = new AsyncDisposableStack();
    for (let i = 0; i < maxConnections; i++) {
      const client = stack.use(await RawClient.connect(port));
      await client.send(LIVE);
      await client.receive("}");
    }
    for (let i = 0; i < 20; i++) await isServed(port);
  }, { limits: { maxConnections, idleTimeoutMs: 60_000 } });
});

Deno.test("another expectation than 100-continue is not refused by somebody else's answer", async () => {
  await underAttack(async (port) => {
    using client = await RawClient.connect(port);
    await client.send("GET /live HTTP/1.1\r\nHost: h\r\nExpect: foo\r\n\r\n");
    assert.match(await client.receive("}"), /^HTTP\/1\.1 200 /);
  });
});

Deno.test("a transfer coding besides chunked is 415", async () => {
  await underAttack(async (port) => {
    const answer = await answersTo(
      port,
      put("k", "Transfer-Encoding: gzip, chunked\r\n") + "0\r\n\r\n",
    );
    assert.equal(status(answer), "415");
  });
});

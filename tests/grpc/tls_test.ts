// Requirement 6.6: gRPC over TLS 1.2 or later, with certificates that change while it runs.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { credentials } from "@grpc/grpc-js";
import { ConfigFaults } from "../../src/config.ts";
import type { TlsFiles } from "../../src/core/tls_files.ts";
import { CONNECTION_LIMITS } from "../../src/grpc/connections.ts";
import { systemClock } from "../../src/system.ts";
import { openTlsFiles, type TlsPaths } from "../../src/system/tls_pair.ts";
import { startTestApp } from "../harness/apps.ts";
import { silentLogger } from "../harness/silent.ts";
import { type CertificateFiles, makeCertificates } from "../support/certificates.ts";
import {
  CODE,
  concat,
  FLAG,
  FRAME,
  frame,
  H2Client,
  headerField,
  PREFACE,
} from "../support/h2_client.ts";
import { startServer, TestClient } from "./harness.ts";

const REQUEST = { namespace: "n", key: "k" };

interface Files {
  /** What a server follows; they hold the first pair. */
  readonly paths: TlsPaths;
  readonly first: CertificateFiles;
  readonly second: CertificateFiles;
}

async function withFiles(use: (files: Files) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const make = async (name: string): Promise<CertificateFiles> => {
      await Deno.mkdir(`${folder}/${name}`);
      return await makeCertificates(`${folder}/${name}`);
    };
    const [first, second] = await Promise.all([make("first"), make("second")]);
    const paths = { certFile: `${folder}/tls.crt`, keyFile: `${folder}/tls.key` };
    await install(first, paths);
    await use({ paths, first, second });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function install(from: CertificateFiles, to: TlsPaths): Promise<void> {
  await Deno.copyFile(from.certFile, to.certFile);
  await Deno.copyFile(from.keyFile, to.keyFile);
}

function openTls(paths: TlsPaths): Promise<TlsFiles> {
  return openTlsFiles(paths, { clock: systemClock, logger: silentLogger });
}

function trusting(port: number, { caFile }: CertificateFiles): TestClient {
  const ca = Buffer.from(Deno.readTextFileSync(caFile));
  return new TestClient(`localhost:${port}`, { credentials: credentials.createSsl(ca) });
}

async function isServed(client: TestClient): Promise<void> {
  assert.equal((await client.call("Get", REQUEST)).message.found, false);
}

/** Connects as a client that trusts one authority alone; rejects where the server is another. */
async function connect(port: number, { caFile }: CertificateFiles): Promise<Deno.TlsConn> {
  const connection = await Deno.connectTls({
    hostname: "localhost",
    port,
    caCerts: [await Deno.readTextFile(caFile)],
    alpnProtocols: ["h2"],
  });
  try {
    await connection.handshake();
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Resolves when the server has closed the connection. */
async function closed(connection: Deno.Conn): Promise<void> {
  while (await connection.read(new Uint8Array(1024)).catch(() => null) !== null);
}

/** What a client of OpenSSL says of its handshake; nothing where that fails. */
async function handshake(port: number, args: readonly string[]): Promise<string | undefined> {
  const { success, stdout } = await new Deno.Command("openssl", {
    args: ["s_client", "-connect", `127.0.0.1:${port}`, "-cipher", "ALL:@SECLEVEL=0", ...args],
    stdin: "null",
  }).output();
  return success ? new TextDecoder().decode(stdout) : undefined;
}

Deno.test("TLS 1.2 and later is served, for HTTP/2 alone", () =>
  withFiles(async ({ paths, first, second }) => {
    using tls = openedTls(await openTls(paths));
    await using server = await startServer(tls);
    await assert.rejects(connect(server.port, second), { name: "InvalidData" });
    using client = trusting(server.port, first);
    await isServed(client);
    using plain = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    await plain.write(PREFACE);
    await closed(plain);

    for (const version of ["-tls1_2", "-tls1_3"]) {
      const said = await handshake(server.port, [version, "-alpn", "http/1.1,h2"]);
      assert.match(said ?? "", /^ALPN protocol: h2$/m, version);
      // Its own certificate, and none of the authorities that the runtime knows.
      assert.equal(said?.match(/^ *\d+ s:/gm)?.length, 1);
    }
    assert.equal(await handshake(server.port, ["-tls1_1", "-alpn", "h2"]), undefined);
    assert.equal(await handshake(server.port, ["-alpn", "http/1.1"]), undefined);
    await isServed(client);
  }));

Deno.test("a new certificate is for new connections, and open ones go on", () =>
  withFiles(async ({ paths, first, second }) => {
    using tls = openedTls(await openTls(paths));
    await using server = await startServer(tls);
    using early = trusting(server.port, first);
    await isServed(early);

    await install(second, paths);
    await tls.tls.look();
    using late = trusting(server.port, second);
    await assert.rejects(connect(server.port, first), { name: "InvalidData" });
    for (const client of [early, late]) await isServed(client);
    assert.equal(await handshake(server.port, ["-tls1_1", "-alpn", "h2"]), undefined);

    await Deno.copyFile(first.keyFile, paths.keyFile);
    await tls.tls.look();
    using later = trusting(server.port, second);
    for (const client of [early, late, later]) await isServed(client);
  }));

Deno.test("a handshake that does not come ends its connection", () =>
  withFiles(async ({ paths, first }) => {
    using tls = openedTls(await openTls(paths));
    const connectionLimits = { ...CONNECTION_LIMITS, helloTimeoutMs: 200 };
    await using server = await startServer({ ...tls, connectionLimits });
    using silent = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    using speechless = await connect(server.port, first);
    for (const connection of [silent, speechless]) await closed(connection);
    using client = trusting(server.port, first);
    await isServed(client);
  }));

Deno.test("headers are limited below TLS as well", () =>
  withFiles(async ({ paths, first }) => {
    using tls = openedTls(await openTls(paths));
    await using server = await startServer(tls);
    using client = new H2Client(await connect(server.port, first));
    const payload = concat(Array.from({ length: 110 }, () => headerField("x", "v")));
    const headers = frame(FRAME.headers, { streamId: 1, flags: FLAG.endHeaders, payload });
    await client.write(concat([PREFACE, frame(FRAME.settings, {}), headers]));
    let next = await client.read();
    while (next?.type === FRAME.settings) next = await client.read();
    assert.equal(next?.type, FRAME.goAway);
    assert.equal(next.code(4), CODE.enhanceYourCalm);
  }));

Deno.test("the service takes its certificate from its settings, and reads it again", () =>
  withFiles(async ({ paths, first, second }) => {
    await using service = await startTestApp({
      SERVER_TLS_CERT_FILE: paths.certFile,
      SERVER_TLS_KEY_FILE: paths.keyFile,
    });
    const port = service.app.grpcPort;
    assert(port !== undefined);
    using early = trusting(port, first);
    await isServed(early);
    await install(second, paths);
    await service.app.reload();
    using late = trusting(port, second);
    for (const client of [early, late]) await isServed(client);
  }));

Deno.test("a certificate that is none is a fault of the configuration", () =>
  withFiles(async ({ paths }) => {
    await Deno.writeTextFile(paths.certFile, "no certificate");
    const settings = {
      SERVER_TLS_CERT_FILE: paths.certFile,
      SERVER_TLS_KEY_FILE: paths.keyFile,
    };
    await assert.rejects(startTestApp(settings), (error: Error) => {
      assert.ok(error instanceof ConfigFaults);
      assert.match(error.message, /^SERVER_TLS_CERT_FILE cannot be used: /);
      return true;
    });
  }));

/** As an option of a server, to be closed with the test. */
function openedTls(tls: TlsFiles): { readonly tls: TlsFiles } & Disposable {
  return { tls, [Symbol.dispose]: () => tls.close() };
}

// Requirement 6.6: REST over TLS 1.2 or later, with certificates that change while it runs.
import assert from "node:assert/strict";
import type { TlsFiles } from "../../src/core/tls_files.ts";
import { startRestServer } from "../../src/http/rest_server.ts";
import { systemClock } from "../../src/system.ts";
import { openTlsFiles, type TlsPaths } from "../../src/system/tls_pair.ts";
import { makeCertificates } from "../support/certificates.ts";
import { RawClient } from "./raw_client.ts";
import { REQUEST_TIMEOUT_MS, restFixture } from "./rest_fixture.ts";

const LIVE = "GET /live HTTP/1.1\r\nHost: h\r\n\r\n";

interface TlsFixture {
  readonly port: number;
  readonly tls: TlsFiles;
  readonly warnings: string[];
  /** The files that the server follows; they hold the first pair. */
  readonly paths: TlsPaths;
  readonly first: Pair;
  readonly second: Pair;
}

interface Pair {
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
}

async function makePair(folder: string): Promise<Pair> {
  await Deno.mkdir(folder);
  const { caFile, certFile, keyFile } = await makeCertificates(folder);
  const [caPem = "", certPem = "", keyPem = ""] = [caFile, certFile, keyFile]
    .map((file) => Deno.readTextFileSync(file));
  return { caPem, certPem, keyPem };
}

async function withTlsServer(use: (fixture: TlsFixture) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const first = await makePair(`${folder}/first`);
  const second = await makePair(`${folder}/second`);
  const paths = { certFile: `${folder}/tls.crt`, keyFile: `${folder}/tls.key` };
  await Deno.writeTextFile(paths.certFile, first.certPem);
  await Deno.writeTextFile(paths.keyFile, first.keyPem);
  const warnings: string[] = [];
  const quiet = (): void => {};
  const warn = (_: string, fields?: { readonly error?: unknown }): void =>
    void warnings.push(String(fields?.error));
  const parts = { clock: systemClock, logger: { debug: quiet, info: quiet, warn, error: quiet } };
  const tls = await openTlsFiles(paths, parts);
  const server = await startRestServer(restFixture().app, {
    ...parts,
    host: "127.0.0.1",
    port: 0,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    tls,
  });
  try {
    await use({ port: server.port, tls, warnings, paths, first, second });
  } finally {
    tls.close();
    await server.abort();
    await Deno.remove(folder, { recursive: true });
  }
}

async function isServed(client: RawClient): Promise<void> {
  await client.send(LIVE);
  assert.match(await client.receive("}"), /^HTTP\/1\.1 200 /);
}

Deno.test("a new certificate serves new connections, and open ones go on", async () => {
  await withTlsServer(async ({ port, tls, paths, first, second, warnings }) => {
    using early = await RawClient.connectTls(port, first.caPem);
    await isServed(early);
    await Deno.writeTextFile(paths.certFile, second.certPem);
    await tls.look();
    // Half of it is there: the pair that was whole still serves.
    using between = await RawClient.connectTls(port, first.caPem);
    await isServed(between);
    assert.deepEqual(warnings, ["The private key is not that of the certificate."]);
    await Deno.writeTextFile(paths.keyFile, second.keyPem);
    await tls.look();
    using late = await RawClient.connectTls(port, second.caPem);
    for (const client of [late, early, between]) await isServed(client);
    await assert.rejects(RawClient.connectTls(port, first.caPem));
    assert.equal(warnings.length, 1);
  });
});

Deno.test("files that hold no usable pair are a warning, and change nothing", async () => {
  await withTlsServer(async ({ port, tls, paths, first, second, warnings }) => {
    const broken: Readonly<Record<string, readonly [string, string]>> = {
      "not a chain": [`${second.certPem}\n-----BEGIN CERTIFICATE-----\nMII`, second.keyPem],
      "no certificate": ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", ""],
      "no private key": [second.certPem, second.keyPem.slice(0, 60)],
      "not that of": [second.certPem, first.keyPem],
    };
    for (const [reason, [certPem, keyPem]] of Object.entries(broken)) {
      await Deno.writeTextFile(paths.certFile, certPem);
      await Deno.writeTextFile(paths.keyFile, keyPem);
      await tls.look();
      await tls.look();
      assert.ok(warnings.length === 1 && warnings[0]?.includes(reason), warnings.join());
      using client = await RawClient.connectTls(port, first.caPem);
      await isServed(client);
      await Deno.writeTextFile(paths.certFile, first.certPem);
      await Deno.writeTextFile(paths.keyFile, first.keyPem);
      await tls.look();
      warnings.length = 0;
    }
  });
});

Deno.test("TLS before 1.2 is refused, as is a client without TLS", async () => {
  await withTlsServer(async ({ port, first }) => {
    const handshakes: Record<string, boolean> = {};
    for (const version of ["-tls1_1", "-tls1_2", "-tls1_3"]) {
      const { success } = await new Deno.Command("openssl", {
        args: ["s_client", "-connect", `127.0.0.1:${port}`, version, "-cipher", "ALL:@SECLEVEL=0"],
        stdin: "null",
      }).output();
      handshakes[version] = success;
    }
    assert.deepEqual(handshakes, { "-tls1_1": false, "-tls1_2": true, "-tls1_3": true });
    using plain = await RawClient.connect(port);
    await plain.send(LIVE);
    assert.doesNotMatch(await plain.receive().catch(() => ""), /HTTP/);
    using client = await RawClient.connectTls(port, first.caPem);
    await isServed(client);
  });
});

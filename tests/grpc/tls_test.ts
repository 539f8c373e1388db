import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { credentials, status } from "@grpc/grpc-js";
import { makeCertificates } from "../support/certificates.ts";
import { failureOf, startServer, TestClient } from "./harness.ts";

Deno.test("TLS is served to who trusts the certificate", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { caFile, certFile, keyFile } = await makeCertificates(folder);
    const [ca, certificatePem, keyPem] = await Promise.all(
      [caFile, certFile, keyFile].map((file) => Deno.readTextFile(file)),
    );
    assert.ok(ca !== undefined && certificatePem !== undefined && keyPem !== undefined);
    await using server = await startServer({ tls: { certificatePem, keyPem } });
    const address = `localhost:${server.port}`;
    using trusting = new TestClient(address, {
      credentials: credentials.createSsl(Buffer.from(ca)),
    });
    const request = { namespace: "n", key: "k" };
    assert.equal((await trusting.call("Get", request)).message.found, false);
    using doubting = new TestClient(address, { credentials: credentials.createSsl() });
    assert.equal((await failureOf(doubting.call("Get", request))).code, status.UNAVAILABLE);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

// Requirements 5.1, 6.7: an identity provider and a collector whose authority is the operator's own.
import assert from "node:assert/strict";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { makeCertificates } from "../support/certificates.ts";
import { waitFor } from "../support/wait_for.ts";
import { grpcTest, memorySettings, ServiceProcess } from "./service_process.ts";

/** Serves a set of one key, takes traces, and lists the paths that it was asked for. */
async function startProvider(folder: string): Promise<
  AsyncDisposable & {
    readonly origin: string;
    readonly caFile: string;
    readonly asked: readonly string[];
    readonly token: string;
  }
> {
  const { caFile, certFile, keyFile } = await makeCertificates(folder);
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
  const keys = [{ ...await exportJWK(publicKey), alg: "ES256", kid: "k" }];
  const token = await new SignJWT({ sub: "s", namespace: "n" })
    .setProtectedHeader({ alg: "ES256", kid: "k" }).setExpirationTime("1h").sign(privateKey);
  const asked: string[] = [];
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    cert: await Deno.readTextFile(certFile),
    key: await Deno.readTextFile(keyFile),
    onListen: () => {},
  }, async (request) => {
    await request.body?.cancel();
    asked.push(new URL(request.url).pathname);
    return Response.json({ keys });
  });
  const origin = `https://127.0.0.1:${server.addr.port}`;
  return { origin, caFile, asked, token, [Symbol.asyncDispose]: () => server.shutdown() };
}

// Older versions of Deno read the variable for neither.
grpcTest({
  name: "NODE_EXTRA_CA_CERTS names who is trusted to serve keys and to take traces; nobody else is",
  needs: ["openssl"],
  async fn(): Promise<void> {
    const folder = await Deno.makeTempDir();
    try {
      await using provider = await startProvider(folder);
      const settings = {
        ...memorySettings(),
        AUTH_ENABLED: "true",
        AUTH_JWKS_URL: `${provider.origin}/jwks.json`,
        TRACING_ENABLED: "true",
        TRACING_ENDPOINT: provider.origin,
      };
      const headers = { authorization: `Bearer ${provider.token}` };
      const ask = async (service: ServiceProcess): Promise<number> => {
        const response = await fetch(`${service.origin}/api/v1/cache/n/k`, { headers });
        await response.body?.cancel();
        return response.status;
      };
      {
        await using service = await ServiceProcess.start(settings);
        assert.equal(await ask(service), 503);
        await service.logged("Spans were lost: the collector of traces did not take them.");
        assert.equal(provider.asked.length, 0);
      }
      await using service = await ServiceProcess.start({
        ...settings,
        NODE_EXTRA_CA_CERTS: provider.caFile,
      });
      assert.equal(await ask(service), 404);
      await waitFor(() => provider.asked.includes("/v1/traces"), {
        deadlineMs: 10_000,
        what: "an export of traces",
      });
      assert(provider.asked.includes("/jwks.json"));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

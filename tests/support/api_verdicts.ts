import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";

/** GetRequest with key "k" and namespace "n". */
const GET_REQUEST = Uint8Array.of(0x0a, 1, 0x6b, 0x12, 1, 0x6e);

/** What a service says to an `Authorization` value: the error code, or "ok" where it was let in. */
export class ApiVerdicts implements Disposable {
  readonly #origin: string;
  readonly #client: Client;

  constructor(service: { readonly origin: string; readonly grpcAddress: string }) {
    this.#origin = service.origin;
    this.#client = new Client(service.grpcAddress, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
    });
  }

  /** The verdict of both APIs; throws where they differ, in code or in words. */
  async of(authorization?: string): Promise<string> {
    const [rest, grpc] = await Promise.all([this.rest(authorization), this.grpc(authorization)]);
    assert.equal(rest, grpc);
    return rest.split(":")[0] ?? "";
  }

  /** The verdict on a bearer token. */
  ofToken(token: string): Promise<string> {
    return this.of(`Bearer ${token}`);
  }

  /** The code and the words of REST. */
  async rest(authorization?: string): Promise<string> {
    const headers = authorization === undefined ? {} : { authorization };
    const response = await fetch(`${this.#origin}/api/v1/cache/n/k`, { headers });
    const body = await response.json();
    if (body.found === false || body.found === true) return "ok";
    if (body.code === "unauthorized") {
      assert.equal(response.status, 401);
      assert.equal(response.headers.get("www-authenticate"), "Bearer");
    }
    if (body.code === "identity_unavailable") {
      assert.equal(response.status, 503);
      assert.match(response.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
    }
    return `${body.code}: ${body.detail}`;
  }

  /** The code and the words of gRPC. */
  grpc(authorization?: string): Promise<string> {
    const metadata = new Metadata();
    if (authorization !== undefined) metadata.set("authorization", authorization);
    return new Promise((resolve) => {
      const done = (error: ServiceError | null): void => {
        if (error === null) return resolve("ok");
        const code = error.metadata?.get("cache-error-code")[0] ?? `grpc ${error.code}`;
        resolve(`${code}: ${error.details}`);
      };
      this.#client.makeUnaryRequest(
        "/cache.v1.CacheService/Get",
        (bytes: Uint8Array) => Buffer.from(bytes),
        (bytes: Uint8Array) => bytes,
        GET_REQUEST,
        metadata,
        { deadline: Date.now() + 20_000 },
        done,
      );
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

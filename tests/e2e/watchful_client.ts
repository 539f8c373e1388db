import assert from "node:assert/strict";
import { Metadata } from "@grpc/grpc-js";
import { type JWTPayload, SignJWT } from "jose";
import { Confidential } from "./confidential.ts";
import { RawGrpcClient } from "./raw_grpc_client.ts";
import { SERVES_GRPC, type ServiceProcess } from "./service_process.ts";

/** A client that looks through every answer for what must not show. */
export class WatchfulClient implements Disposable {
  /** Secrets and tokens: they show nowhere. */
  readonly hidden: Confidential;
  /** Keys and values: they show in no refusal and in no log. */
  readonly content = new Confidential();
  readonly #base: string;
  readonly #grpc: RawGrpcClient;

  constructor(service: ServiceProcess, hidden: Confidential) {
    this.hidden = hidden;
    this.#base = service.origin;
    this.#grpc = new RawGrpcClient(service.grpcAddress);
  }

  /** Makes a REST call that must be answered with `status`. */
  async rest(
    path: string,
    { status, authorization, headers, ...init }:
      & Omit<RequestInit, "headers">
      & { status: number; authorization?: string; headers?: Record<string, string> },
  ): Promise<void> {
    const what = `REST ${init.method ?? "GET"} that is answered with ${status}`;
    const response = await fetch(`${this.#base}${path}`, {
      ...init,
      headers: {
        ...(authorization === undefined ? {} : { authorization }),
        ...(init.body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
    });
    const body = await response.text();
    assert.equal(response.status, status, `${what}: ${body.slice(0, 300)}`);
    this.#check(`${JSON.stringify([...response.headers])}\n${body}`, { what, ok: response.ok });
  }

  /** Makes a gRPC call that must be answered with `code`; a request in bytes is sent as it is. */
  async grpc(
    method: string,
    { code, request, authorization }: { code: number; request: object; authorization?: string },
  ): Promise<void> {
    if (!SERVES_GRPC) return;
    const what = `gRPC ${method} that is answered with ${code}`;
    const metadata = new Metadata();
    if (authorization !== undefined) metadata.set("authorization", authorization);
    const answer = await this.#grpc.call(method, { request, metadata });
    assert.equal(answer.code, code, `${what}: ${answer.text.slice(0, 300)}`);
    this.#check(answer.text, { what, ok: code === 0 });
  }

  [Symbol.dispose](): void {
    this.#grpc.close();
  }

  #check(text: string, { what, ok }: { readonly what: string; readonly ok: boolean }): void {
    this.hidden.assertAbsent(text, what);
    if (!ok) this.content.assertAbsent(text, what);
  }
}

/** Signs tokens of which nothing may show. */
export function tokenMaker(
  secret: string,
  hidden: Confidential,
): (claims: JWTPayload) => Promise<string> {
  return async (claims) => {
    const token = await new SignJWT({ exp: Date.now() / 1000 + 3600, ...claims })
      .setProtectedHeader({ alg: "HS256" })
      .sign(new TextEncoder().encode(secret));
    return `Bearer ${hidden.addToken("token", token)}`;
  };
}

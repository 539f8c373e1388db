import { Refusal } from "../support/cache_driver.ts";
import { GrpcDriver } from "../support/grpc_driver.ts";
import type { ReplicaClient, ReplicaRead, ReplicaWriter } from "../support/replica_client.ts";
import { redisSettings, ServiceProcess, type Settings } from "./service_process.ts";

const NAMESPACE = "convergence";

/** One of several service processes over the same Redis. */
export interface ReplicaProcess extends AsyncDisposable {
  readonly service: ServiceProcess;
  readonly rest: ReplicaClient;
  readonly grpc: ReplicaWriter;
}

/** Starts a replica over Redis at `address`. */
export async function startReplica(address: string, settings: Settings): Promise<ReplicaProcess> {
  const service = await ServiceProcess.start({ ...redisSettings([address]), ...settings });
  const grpc = new GrpcDriver(service.grpcAddress);
  return {
    service,
    rest: new RestReplica(service.origin),
    grpc: {
      set: (key, value) =>
        grpc.call("Set", { namespace: NAMESPACE, key, value: new TextEncoder().encode(value) }),
      delete: (key) => grpc.call("Delete", { namespace: NAMESPACE, key }),
    },
    async [Symbol.asyncDispose](): Promise<void> {
      grpc.close();
      await service.stop();
    },
  };
}

/** What makes a process's wall clock wrong by `offset`, such as `+5s`; needs `faketime`. */
export async function skewedClock(offset: string): Promise<Settings> {
  const { stdout } = await new Deno.Command("faketime", {
    args: ["--exclude-monotonic", "-f", offset, "printenv", "LD_PRELOAD"],
  }).output();
  return {
    LD_PRELOAD: new TextDecoder().decode(stdout).trim(),
    FAKETIME: offset,
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  };
}

class RestReplica implements ReplicaClient {
  readonly #base: string;

  constructor(origin: string) {
    this.#base = `${origin}/api/v1/cache/${NAMESPACE}`;
  }

  async set(key: string, value: string): Promise<{ degraded: boolean; version: string }> {
    const headers = { "content-type": "application/octet-stream" };
    const response = await this.#fetch(key, { method: "PUT", headers, body: value });
    await response.body?.cancel();
    return { degraded: isDegraded(response), version: versionOf(response) };
  }

  async delete(key: string): Promise<{ degraded: boolean }> {
    const response = await this.#fetch(key, { method: "DELETE" });
    await response.body?.cancel();
    return { degraded: isDegraded(response) };
  }

  async get(key: string, { noCache }: { readonly noCache: boolean }): Promise<ReplicaRead> {
    const headers = {
      accept: "application/octet-stream",
      ...(noCache ? { "cache-control": "no-cache" } : {}),
    };
    const response = await this.#fetch(key, { headers });
    const degraded = isDegraded(response);
    const value = await response.text();
    if (response.status === 404) return { found: undefined, source: undefined, degraded };
    const source = response.headers.get("x-cache-source") ?? undefined;
    return { found: { value, version: versionOf(response) }, source, degraded };
  }

  async #fetch(key: string, init: RequestInit): Promise<Response> {
    const response = await fetch(`${this.#base}/${encodeURIComponent(key)}`, init);
    if (response.ok || response.status === 404 && init.method === undefined) return response;
    const { code, detail } = await response.json();
    throw new Refusal(code, detail);
  }
}

function isDegraded(response: Response): boolean {
  return response.headers.get("x-cache-degraded") === "true";
}

function versionOf(response: Response): string {
  return response.headers.get("x-cache-version") ?? "";
}

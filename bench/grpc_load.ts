import { Buffer } from "node:buffer";
import grpc from "@grpc/grpc-js";
import { grpcRequest, isHit } from "./grpc_messages.ts";
import { H2Connection } from "./h2_connection.ts";
import { type CallFrames, callFrames } from "./h2_frames.ts";
import { AUTHORIZATION } from "./identity.ts";
import { IN_FLIGHT, type Load, type LoadResult, type Recording } from "./load.ts";
import { percentile } from "./statistics.ts";
import { type Call, valueOf, type Workload } from "./workloads.ts";

const CONNECTIONS = 8;

/**
 * gRPC by a client that writes the frames itself. The client of grpc-js spends half as much time
 * again on a call as its server does: on one core against one it would measure itself.
 */
export class GrpcLoad implements Load {
  readonly #workload: Workload;
  readonly #value: Uint8Array;
  readonly #frames: readonly CallFrames[];

  constructor(workload: Workload) {
    this.#workload = workload;
    this.#value = valueOf(workload);
    this.#frames = workload.calls.map((call) => {
      const { path, message } = grpcRequest(call, this.#value);
      return callFrames(path, message);
    });
  }

  async prepare(port: number): Promise<void> {
    await withClient(port, async (client) => {
      for (const key of this.#workload.stored) {
        await this.#call(client, { operation: "set", key });
      }
      const [call] = this.#workload.calls;
      if (call?.operation !== "get") return;
      if (isHit(await this.#call(client, call)) === (this.#workload.name === "miss")) {
        throw new Error(`${this.#workload.name} was answered by the opposite`);
      }
    });
  }

  async record(port: number): Promise<Recording> {
    const recording: Record<string, string> = {};
    await withClient(port, async (client) => {
      for (const call of this.#workload.calls) {
        const { path } = grpcRequest(call, this.#value);
        recording[path] ??= (await this.#call(client, call)).toString("base64");
      }
    });
    return recording;
  }

  async run(port: number, seconds: number): Promise<LoadResult> {
    const tally = new Tally(this.#frames, performance.now() + seconds * 1000);
    const inFlight = IN_FLIGHT / CONNECTIONS;
    await Promise.all(
      Array.from(
        { length: CONNECTIONS },
        () => H2Connection.run(port, { caller: tally, inFlight }),
      ),
    );
    return tally.result(seconds);
  }

  #call(client: grpc.Client, call: Call): Promise<Buffer> {
    const { path, message } = grpcRequest(call, this.#value);
    const metadata = new grpc.Metadata();
    metadata.set("authorization", AUTHORIZATION);
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(path, Buffer.from, asIs, message, metadata, (error, answer) => {
        if (error === null && answer !== undefined) resolve(answer);
        else reject(new Error(`${path} failed`, { cause: error }));
      });
    });
  }
}

class Tally {
  readonly #frames: readonly CallFrames[];
  readonly #endMs: number;
  readonly #latenciesMs: number[] = [];
  #sent = 0;
  #inTime = 0;
  #refused = 0;

  constructor(frames: readonly CallFrames[], endMs: number) {
    this.#frames = frames;
    this.#endMs = endMs;
  }

  next(): CallFrames | undefined {
    if (performance.now() >= this.#endMs) return undefined;
    return this.#frames[this.#sent++ % this.#frames.length];
  }

  answered(ms: number, { ok }: { readonly ok: boolean }): void {
    this.#latenciesMs.push(ms);
    if (performance.now() <= this.#endMs) this.#inTime++;
    if (!ok) this.#refused++;
  }

  result(seconds: number): LoadResult {
    const requests = this.#latenciesMs.length;
    if (this.#refused > 0) throw new Error(`of ${requests} calls ${this.#refused} failed`);
    return {
      requests,
      requestsPerSecond: this.#inTime / seconds,
      p50Ms: percentile(this.#latenciesMs, 50),
      p99Ms: percentile(this.#latenciesMs, 99),
    };
  }
}

async function withClient(
  port: number,
  use: (client: grpc.Client) => Promise<void>,
): Promise<void> {
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  try {
    await use(client);
  } finally {
    client.close();
  }
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

import { GrpcDriver } from "../support/grpc_driver.ts";
import { waitFor } from "../support/wait_for.ts";
import { KeepAliveClient, type Send } from "./load.ts";
import type { ServiceProcess } from "./service_process.ts";

const POLL_INTERVAL_MS = 1_000;
const LAST_ANSWERS_MS = 10_000;

/** A process, as the balancer knows it. */
class Backend {
  readonly service: ServiceProcess;
  readonly grpc: GrpcDriver;
  readonly #idle: KeepAliveClient[] = [];
  #busy = 0;
  isReady = false;

  constructor(service: ServiceProcess) {
    this.service = service;
    this.grpc = new GrpcDriver(service.grpcAddress);
  }

  readonly send: Send = async (method, path, request) => {
    const client = this.#idle.pop() ?? new KeepAliveClient(this.service.httpPort);
    this.#busy++;
    try {
      return await client.send(method, path, request);
    } finally {
      this.#busy--;
      this.#idle.push(client);
    }
  };

  async poll(): Promise<void> {
    try {
      this.isReady = await this.service.readyStatus() === 200;
    } catch {
      this.isReady = false;
    }
  }

  /** Forgets a process that has ended, once its last answers are read. */
  async close(): Promise<void> {
    await waitFor(() => this.#busy === 0, {
      deadlineMs: LAST_ANSWERS_MS,
      what: "the answers of a process that has ended",
    });
    this.grpc.close();
    for (const client of this.#idle) client[Symbol.dispose]();
  }
}

/**
 * Spreads requests over the processes whose readiness probe, asked once a second, answered 200;
 * keeps connections alive and never tries a request again. As Kubernetes does it.
 */
export class Balancer implements AsyncDisposable {
  #backends: readonly Backend[] = [];
  #next = 0;
  readonly #timer = setInterval(() => void this.#poll(), POLL_INTERVAL_MS);
  #polled: Promise<unknown> = Promise.resolve();

  /** Sends a request to the next process that is ready. */
  readonly send: Send = (method, path, request) => this.#pick().send(method, path, request);

  /** A gRPC client of the next process that is ready. */
  get grpc(): GrpcDriver {
    return this.#pick().grpc;
  }

  /** Takes in a process and asks it at once whether it is ready. */
  async add(service: ServiceProcess): Promise<void> {
    const backend = new Backend(service);
    await backend.poll();
    this.#backends = [...this.#backends, backend];
  }

  /** Forgets a process that has ended. */
  async remove(service: ServiceProcess): Promise<void> {
    const gone = this.#backends.filter((backend) => backend.service === service);
    this.#backends = this.#backends.filter((backend) => backend.service !== service);
    await Promise.all(gone.map((backend) => backend.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#polled;
    await Promise.all(this.#backends.map((backend) => backend.close()));
  }

  #poll(): void {
    this.#polled = Promise.all(this.#backends.map((backend) => backend.poll()));
  }

  #pick(): Backend {
    const ready = this.#backends.filter(({ isReady }) => isReady);
    const backend = ready[this.#next++ % ready.length];
    if (backend === undefined) throw new Error("no process is ready");
    return backend;
  }
}

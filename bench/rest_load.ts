import { fileURLToPath } from "node:url";
import { AUTHORIZATION } from "./identity.ts";
import { IN_FLIGHT, type Load, type LoadResult, type Recording } from "./load.ts";
import type { RestDialect, RestRequest } from "./rest_dialects.ts";
import { type Call, valueOf, type Workload } from "./workloads.ts";

const SCRIPT = fileURLToPath(new URL("wrk.lua", import.meta.url));
const RECORDED_HEADERS = /^(cache-control|content-type|x-.*)$/;

interface WrkOutput {
  readonly durationUs: number;
  readonly requests: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly refused: number;
  /** Connections that failed and requests that timed out. */
  readonly broken: number;
}

/**
 * REST by `wrk`: a client in C on one core keeps up with a bare `Deno.serve`; one written for Deno
 * costs as much for each request as the server does, and would measure itself.
 */
export class RestLoad implements Load {
  readonly #workload: Workload;
  readonly #dialect: RestDialect;
  readonly #value: string;
  readonly #requestFile: string;
  #refuses = false;

  /** Writes the requests into `folder`. */
  constructor(
    workload: Workload,
    options: { readonly dialect: RestDialect; readonly folder: string },
  ) {
    this.#workload = workload;
    this.#dialect = options.dialect;
    this.#value = valueOf(workload).toBase64();
    this.#requestFile = `${options.folder}/${workload.name}_${options.dialect.name}`;
    Deno.writeTextFileSync(this.#requestFile, workload.calls.map((c) => this.#wire(c)).join(""));
  }

  async prepare(port: number): Promise<void> {
    for (const key of this.#workload.stored) {
      const { status, body } = await this.#fetch(port, { operation: "set", key });
      if (status !== 200) throw new Error(`a set was answered by ${status}: ${body}`);
    }
    const [call] = this.#workload.calls;
    if (call === undefined) throw new Error(`${this.#workload.name} has no calls`);
    const { status, body } = await this.#fetch(port, call);
    const misses = this.#workload.name === "miss";
    this.#refuses = misses && status === 404;
    const right = call.operation === "set" || body.includes(this.#value) !== misses;
    if (!right || (status !== 200 && !this.#refuses)) {
      throw new Error(`${this.#workload.name} was answered wrongly, by ${status}`);
    }
  }

  async record(port: number): Promise<Recording> {
    const recording: Record<string, unknown> = {};
    for (const call of this.#workload.calls) {
      const { method } = this.#request(call);
      recording[method] ??= await this.#fetch(port, call);
    }
    return recording;
  }

  async run(port: number, seconds: number): Promise<LoadResult> {
    const { success, stdout, stderr } = await new Deno.Command("wrk", {
      args: [
        ...["--threads", "1", "--connections", `${IN_FLIGHT}`, "--duration", `${seconds}s`],
        ...["--script", SCRIPT, `http://127.0.0.1:${port}/`, "--", this.#requestFile],
      ],
    }).output();
    const text = new TextDecoder().decode(stdout).trim();
    if (!success) throw new Error(`wrk failed: ${new TextDecoder().decode(stderr)}${text}`);
    const output: WrkOutput = JSON.parse(text.slice(text.lastIndexOf("\n") + 1));
    const { requests, refused, broken } = output;
    if (broken > 0 || refused !== (this.#refuses ? requests : 0)) {
      throw new Error(`of ${requests} requests ${refused} were refused and ${broken} broke`);
    }
    return {
      requests,
      requestsPerSecond: requests / output.durationUs * 1e6,
      p50Ms: output.p50Us / 1000,
      p99Ms: output.p99Us / 1000,
    };
  }

  #request(call: Call): RestRequest {
    return this.#dialect(call, this.#value);
  }

  #wire(call: Call): string {
    const { method, path, body } = this.#request(call);
    const entity = body === undefined
      ? "\r\n"
      : `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n`;
    const request = `${head}Authorization: ${AUTHORIZATION}\r\n${entity}`;
    return `${request.length}\n${request}`;
  }

  async #fetch(
    port: number,
    call: Call,
  ): Promise<{ readonly status: number; readonly headers: object; readonly body: string }> {
    const { method, path, body } = this.#request(call);
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: {
        "Accept-Encoding": "identity",
        "Authorization": AUTHORIZATION,
        "Content-Type": "application/json",
      },
      ...(body === undefined ? {} : { body }),
    });
    const headers = [...response.headers].filter(([name]) => RECORDED_HEADERS.test(name));
    return {
      status: response.status,
      headers: Object.fromEntries(headers),
      body: await response.text(),
    };
  }
}

import { z } from "zod";
import { waitFor } from "./wait_for.ts";

const KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"] as const;
const STATUSES = ["unset", "ok", "error"] as const;

const value = z.union([
  z.strictObject({ stringValue: z.string() }),
  z.strictObject({ boolValue: z.boolean() }),
  z.strictObject({ intValue: z.union([z.int(), z.string().regex(/^-?\d+$/)]) }),
  z.strictObject({ doubleValue: z.number() }),
]);
const attributes = z.array(z.strictObject({ key: z.string().min(1), value }));
const nanoseconds = z.string().regex(/^\d{19}$/);
const hex = (digits: number): z.ZodString => z.string().regex(RegExp(`^[0-9a-f]{${digits}}$`));

const span = z.object({
  traceId: hex(32),
  spanId: hex(16),
  parentSpanId: hex(16).optional(),
  traceState: z.string().optional(),
  name: z.string().min(1),
  kind: z.int().min(1).max(5),
  startTimeUnixNano: nanoseconds,
  endTimeUnixNano: nanoseconds,
  attributes,
  status: z.object({ code: z.int().min(0).max(2).default(0) }),
});

/** ExportTraceServiceRequest in the JSON encoding of the OTLP specification. */
const traceRequest = z.object({
  resourceSpans: z.array(z.object({
    resource: z.object({ attributes }),
    scopeSpans: z.array(z.object({
      scope: z.object({ name: z.string(), version: z.string().optional() }),
      spans: z.array(span),
    })),
  })),
});

type Attributes = Readonly<Record<string, string | number | boolean>>;

/** A span as a collector would store it. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly traceState: string | undefined;
  readonly name: string;
  readonly kind: typeof KINDS[number];
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Attributes;
  readonly status: typeof STATUSES[number];
  /** What it came from. */
  readonly resource: Attributes;
}

/** A loopback collector of traces: takes OTLP/JSON over HTTP, and nothing that does not conform. */
export class OtlpReceiver implements AsyncDisposable {
  readonly spans: ReceivedSpan[] = [];
  /** The text of all that came. */
  readonly bodies: string[] = [];
  /** Why requests were refused; to be empty. */
  readonly faults: string[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #hung = new Set<() => void>();
  #hangs = false;

  private constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#answer(request),
    );
  }

  static start(): OtlpReceiver {
    return new OtlpReceiver();
  }

  /** What TRACING_ENDPOINT takes. */
  get endpoint(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** Takes requests from now on and never answers them. */
  hang(): void {
    this.#hangs = true;
  }

  /** The span of this name, as soon as it has come. */
  spanNamed(name: string): Promise<ReceivedSpan> {
    return waitFor(() => this.spans.find((span) => span.name === name), {
      deadlineMs: 5000,
      what: `a span named ${name}`,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const release of this.#hung) release();
    await this.#server.shutdown();
  }

  async #answer(request: Request): Promise<Response> {
    const body = await request.text();
    this.bodies.push(body);
    if (this.#hangs) await new Promise<void>((resolve) => this.#hung.add(resolve));
    try {
      const { pathname } = new URL(request.url);
      const type = request.headers.get("content-type");
      if (request.method !== "POST" || pathname !== "/v1/traces" || type !== "application/json") {
        throw new Error(`not an export of traces: ${request.method} ${pathname} ${type}`);
      }
      this.spans.push(...decoded(body));
      return Response.json({});
    } catch (error) {
      this.faults.push(String(error));
      return new Response(null, { status: 400 });
    }
  }
}

function decoded(body: string): ReceivedSpan[] {
  return traceRequest.parse(JSON.parse(body)).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ kind, status, startTimeUnixNano, endTimeUnixNano, ...span }) => ({
        ...span,
        parentSpanId: span.parentSpanId,
        traceState: span.traceState,
        kind: KINDS[kind] ?? "unspecified",
        startNs: BigInt(startTimeUnixNano),
        endNs: BigInt(endTimeUnixNano),
        attributes: plain(span.attributes),
        status: STATUSES[status.code] ?? "unset",
        resource: plain(resource.attributes),
      }))
    )
  );
}

function plain(list: z.infer<typeof attributes>): Attributes {
  return Object.fromEntries(list.map(({ key, value }) => {
    if ("stringValue" in value) return [key, value.stringValue];
    if ("boolValue" in value) return [key, value.boolValue];
    return [key, "intValue" in value ? Number(value.intValue) : value.doubleValue];
  }));
}

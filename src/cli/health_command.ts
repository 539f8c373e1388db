import { Buffer } from "node:buffer";
import { request as httpRequest } from "node:http";
import { connect } from "node:http2";
import { request as httpsRequest } from "node:https";
import { z } from "zod";
import { hostPort } from "../core/host_port.ts";
import { type Arguments, command } from "./arguments.ts";
import { CLIENT_OPTIONS, parseUrl, readFile } from "./client.ts";
import { EXIT } from "./exit_code.ts";
import { complain, print } from "./terminal.ts";

const OPTIONS = {
  grpc: { about: "ask the gRPC server, by grpc.health.v1" },
  "ca-file": CLIENT_OPTIONS["ca-file"],
  json: { about: "print the answer as JSON" },
};

/** Asks a running service how it does; for a container's health check. */
export const HEALTH = command({
  name: "health",
  about: "ask a running service whether it is healthy: 0 yes, 1 no or no answer",
  positionals: ["[URL]"],
  options: OPTIONS,
  notes: `Without URL it asks the service that has this environment's SERVER_HOST, SERVER_HTTP_PORT,
SERVER_GRPC_PORT and SERVER_TLS_CERT_FILE, whose certificate, made for another name, it takes as it
is. It needs no token and waits at most 2 s. A degraded service is healthy, a draining one is not.

Examples:
  cache-service health
  cache-service health --grpc http://127.0.0.1:50051
  HEALTHCHECK --interval=10s --timeout=5s CMD ["cache-service", "health"]`,
  run: runHealth,
});

const TIMEOUT_MS = 2000;
const MAX_ANSWER_BYTES = 65_536;

interface Target {
  readonly url: URL;
  /** Whether TLS must prove that the other side is who the URL says. */
  readonly isVerified: boolean;
  /** Certificates (PEM) to trust besides the system's. */
  readonly ca: string | undefined;
}

interface Health {
  readonly healthy: boolean;
  readonly status: string;
}

async function runHealth(args: Arguments<keyof typeof OPTIONS>): Promise<number> {
  const isGrpc = args.has("grpc");
  const [given] = args.positionals;
  const caFile = args.value("ca-file");
  const target: Target = {
    url: parseUrl(given ?? ownUrl({ isGrpc })),
    isVerified: given !== undefined,
    ca: caFile === undefined ? undefined : readFile("ca-file", caFile),
  };
  try {
    const health = await (isGrpc ? askGrpc(target) : askRest(target));
    print(args.has("json") ? JSON.stringify(health) : health.status);
    return health.healthy ? EXIT.done : EXIT.failed;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    complain(`${target.url.origin} is not healthy: ${reason}`);
    return EXIT.failed;
  }
}

/** Where the service listens that was started with this environment. */
function ownUrl({ isGrpc }: { readonly isGrpc: boolean }): string {
  const host = Deno.env.get("SERVER_HOST") ?? "";
  const isEverywhere = host === "" || host === "0.0.0.0" || host === "::";
  const port = isGrpc
    ? Deno.env.get("SERVER_GRPC_PORT") || "50051"
    : Deno.env.get("SERVER_HTTP_PORT") || "8080";
  const scheme = Deno.env.get("SERVER_TLS_CERT_FILE") ? "https" : "http";
  return `${scheme}://${hostPort(isEverywhere ? "127.0.0.1" : host, Number(port))}`;
}

const schema = z.looseObject({ healthy: z.boolean(), status: z.string() });

/** By `node:http`, since `fetch` cannot leave a certificate unchecked. */
async function askRest({ url, isVerified, ca }: Target): Promise<Health> {
  const { promise, resolve, reject } = Promise.withResolvers<Health>();
  const path = `${url.href.replace(/\/$/, "")}/health`;
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  const options = { agent: false, rejectUnauthorized: isVerified, ...(ca && { ca }) };
  const request = send(path, options, (response) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => {
      text += chunk;
      if (text.length > MAX_ANSWER_BYTES) reject(new Error("its answer is too long"));
    });
    response.on("error", reject);
    response.on("end", () => {
      try {
        if (response.statusCode !== 200) throw new Error(`it answered ${response.statusCode}`);
        resolve(parseHealth(text));
      } catch (error) {
        reject(error);
      }
    });
  });
  request.on("error", reject);
  request.end();
  try {
    return await inTime(promise);
  } finally {
    request.destroy();
  }
}

function parseHealth(text: string): Health {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw foreign();
  }
}

const EMPTY_MESSAGE = Buffer.alloc(5);
/** After the 5 bytes that announce a message: the field `status`, and its number. */
const STATUS_MESSAGE_BYTES = 7;
const STATUS_FIELD = 0x08;
const STATUSES = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

/**
 * `Check` of the whole server, by hand: an empty message asks, and one field answers. Clients of
 * gRPC give the address as server name to TLS, which refuses one that is an IP address.
 */
async function askGrpc({ url, isVerified, ca }: Target): Promise<Health> {
  const { promise, resolve, reject } = Promise.withResolvers<Health>();
  const session = connect(url, { rejectUnauthorized: isVerified, ...(ca && { ca }) });
  try {
    session.on("error", reject);
    const call = session.request({
      ":method": "POST",
      ":path": "/grpc.health.v1.Health/Check",
      "content-type": "application/grpc",
      "te": "trailers",
    });
    let answer = Buffer.alloc(0);
    call.on("data", (bytes: Buffer) => {
      answer = Buffer.concat([answer, bytes]).subarray(0, STATUS_MESSAGE_BYTES);
    });
    call.on("error", reject);
    call.on("end", () => {
      const status = answer[5] === STATUS_FIELD ? STATUSES[answer[6] ?? 0] : undefined;
      if (status === undefined) reject(foreign());
      else resolve({ healthy: status === "SERVING", status });
    });
    call.end(EMPTY_MESSAGE);
    return await inTime(promise);
  } finally {
    session.destroy();
  }
}

function foreign(): Error {
  return new Error("its answer is not that of a cache-service");
}

async function inTime<T>(answer: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const expire = (): void => late.reject(new Error(`no answer within ${TIMEOUT_MS} ms`));
  const timer = setTimeout(expire, TIMEOUT_MS);
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

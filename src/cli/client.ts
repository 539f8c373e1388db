import { z } from "zod";
import { type Arguments, UsageError } from "./arguments.ts";
import { EXIT } from "./exit_code.ts";
import { complain } from "./terminal.ts";

/** The options of every command that talks to a running service. */
export const CLIENT_OPTIONS = {
  url: {
    value: "URL",
    about: "where it is; CACHE_SERVICE_URL or else http://127.0.0.1:8080 by default",
  },
  "token-file": { value: "FILE", about: "holds the token; CACHE_SERVICE_TOKEN by default" },
  "ca-file": { value: "FILE", about: "certificates (PEM) to trust besides the system's" },
};

/** What their help says of the token. */
export const TOKEN_NOTE =
  "The token is never an argument: lists of processes and the shell's history would show it.";

export type ClientArguments = Arguments<keyof typeof CLIENT_OPTIONS>;

/** A call that did not succeed: a line for the user, and how the command ends. */
export class ClientFailure extends Error {
  override readonly name = "ClientFailure";
  readonly exitCode: number;
  /** The service's word for it, where it has refused the call. */
  readonly code: string | undefined;

  constructor(message: string, exitCode: number, { code }: { readonly code?: string } = {}) {
    super(message);
    this.exitCode = exitCode;
    this.code = code;
  }
}

/** A refusal of the service (RFC 9457). */
export const problem = z.object({
  status: z.number(),
  detail: z.string(),
  code: z.string(),
  correlation_id: z.string(),
});

/** The failure that a problem stands for. */
export function problemFailure(
  { status, detail, code, correlation_id: id }: z.infer<typeof problem>,
): ClientFailure {
  const hint = status === 401 ? " Set CACHE_SERVICE_TOKEN or give --token-file." : "";
  return failureOf(status, `${detail}${hint} (${code}, correlation id ${id})`, { code });
}

/** Longer than the service's own timeout, so that its answer comes first. */
const TIMEOUT_MS = 30_000;
const DEFAULT_URL = "http://127.0.0.1:8080";

/**
 * Runs `use` with a client for what the arguments and the environment name; resolves with its exit
 * code, or tells of a failed call and resolves with that one's. Throws `UsageError`.
 */
export async function withClient(
  args: ClientArguments,
  use: (client: Client) => Promise<number>,
): Promise<number> {
  const caFile = args.value("ca-file");
  using http = Deno.createHttpClient({
    caCerts: caFile === undefined ? [] : [readFile("ca-file", caFile)],
  });
  const client = new Client({ base: baseOf(args), token: tokenOf(args), http });
  try {
    return await use(client);
  } catch (error) {
    if (!(error instanceof ClientFailure)) throw error;
    complain(error.message);
    return error.exitCode;
  }
}

/** Calls a running service over REST. */
export class Client {
  readonly #base: URL;
  readonly #token: string | undefined;
  readonly #http: Deno.HttpClient;

  constructor(options: {
    readonly base: URL;
    readonly token: string | undefined;
    readonly http: Deno.HttpClient;
  }) {
    this.#base = options.base;
    this.#token = options.token;
    this.#http = options.http;
  }

  /** Sends a request and reads its answer; throws `ClientFailure` for a refusal, and after 30 s. */
  async call(path: string, init: RequestInit = {}): Promise<Uint8Array<ArrayBuffer>> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await this.#send(path, { ...init, signal });
    return await response.bytes().catch((error) => Promise.reject(this.#unreachable(error)));
  }

  /**
   * The lines of an answer that goes on for as long as it likes, but is never silent for 30 s; throws
   * `ClientFailure`. To leave it early ends the request.
   */
  async *lines(path: string, init: RequestInit = {}): AsyncGenerator<string> {
    const silence = new Silence();
    try {
      const response = await this.#send(path, { ...init, signal: silence.signal });
      let rest = "";
      for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        silence.broken();
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        yield* lines;
      }
      if (rest !== "") yield rest;
    } catch (error) {
      throw error instanceof ClientFailure ? error : this.#unreachable(error);
    } finally {
      silence.end();
    }
  }

  async #send(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("X-Correlation-ID", crypto.randomUUID());
    if (this.#token !== undefined) headers.set("Authorization", `Bearer ${this.#token}`);
    const url = this.#base.href.replace(/\/$/, "") + path;
    let response: Response;
    try {
      response = await fetch(url, { redirect: "manual", ...init, headers, client: this.#http });
    } catch (error) {
      throw this.#unreachable(error);
    }
    if (!response.ok) throw await refusalOf(response);
    return response;
  }

  #unreachable(error: unknown): ClientFailure {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    // Only its end tells the reason; before that stands the URL, which may hold a key.
    const reason = cause instanceof Error ? cause.message.split(": ").at(-1) : String(cause);
    return new ClientFailure(`${this.#base.origin} did not answer: ${reason}`, EXIT.unavailable);
  }
}

/** Aborts when it was not broken for 30 s. */
class Silence {
  readonly #controller = new AbortController();
  #timer = this.#begin();

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  broken(): void {
    this.end();
    this.#timer = this.#begin();
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #begin(): ReturnType<typeof setTimeout> {
    return setTimeout(
      () => this.#controller.abort(new Error(`nothing came for ${TIMEOUT_MS} ms`)),
      TIMEOUT_MS,
    );
  }
}

async function refusalOf(response: Response): Promise<ClientFailure> {
  const { status } = response;
  const body = await response.json().catch(() => undefined);
  const parsed = problem.safeParse(body);
  if (parsed.success) return problemFailure(parsed.data);
  return failureOf(status, `The answer was ${status}, and not by a cache-service.`);
}

function failureOf(
  status: number,
  message: string,
  refusal: { readonly code?: string } = {},
): ClientFailure {
  const isUnavailable = status === 502 || status === 503 || status === 504;
  return new ClientFailure(message, isUnavailable ? EXIT.unavailable : EXIT.failed, refusal);
}

function baseOf(args: ClientArguments): URL {
  return parseUrl(args.value("url") ?? Deno.env.get("CACHE_SERVICE_URL") ?? DEFAULT_URL);
}

/** Reads the URL of a service; throws `UsageError`. */
export function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== "" || url.hash !== "") {
    throw new UsageError("The URL must be one of http or https, such as http://127.0.0.1:8080.");
  }
  if (url.username !== "" || url.password !== "") {
    throw new UsageError("The URL must not hold a user or a password.");
  }
  return url;
}

function tokenOf(args: ClientArguments): string | undefined {
  const file = args.value("token-file");
  const text = file === undefined
    ? Deno.env.get("CACHE_SERVICE_TOKEN")
    : readFile("token-file", file);
  const token = text?.trim();
  if (token === undefined || token === "") return undefined;
  if (/^[!-~]+$/.test(token)) return token;
  throw new UsageError("The token holds a character that no token has.");
}

/** The text of the file that an option names; throws `UsageError`. */
export function readFile(option: string, path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    const reason = error instanceof Error ? error.name : String(error);
    throw new UsageError(`--${option} cannot be read: ${reason}.`);
  }
}

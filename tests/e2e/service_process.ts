import { type ServerTest, serverTest } from "../support/backends.ts";
import { freePort } from "../support/free_port.ts";
import { ServerProcess } from "../support/server_process.ts";
import { waitFor } from "../support/wait_for.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const DENO_JSON = new URL("../../deno.json", import.meta.url);
const READY_DEADLINE_MS = 30_000;
const LOG_DEADLINE_MS = 10_000;
/** Where a command that should have ended is ended, in seconds; its code is then 124. */
const COMMAND_LIMIT = "30";
/** Names of settings, which tests choose themselves, and of the variable that names the binary. */
const SETTING =
  /^(SERVER|GRPC|REDIS|BREAKER|CACHE|BROKER|AUTH|METRICS|LOG|TRACING|OTEL)_|^[A-Z_]+_SERVICE_/;

/** Whether the program serves gRPC; CACHE_SERVICE_APIS=rest says that its Deno cannot. */
export const SERVES_GRPC = Deno.env.get("CACHE_SERVICE_APIS") !== "rest";

/** Registers a test of what the program does only on the Deno that also serves gRPC. */
export function grpcTest(test: ServerTest): void {
  if (SERVES_GRPC) serverTest(test);
}

export type Settings = Readonly<Record<string, string>>;

/** Settings for a service of this machine alone, on free ports. */
export function memorySettings(): Record<string, string> {
  return { ...localSettings(), CACHE_BACKEND: "memory" };
}

/** The same, over Redis at `addresses`. */
export function redisSettings(addresses: readonly string[]): Record<string, string> {
  return { ...localSettings(), REDIS_ADDRESSES: addresses.join(",") };
}

function localSettings(): Record<string, string> {
  return {
    AUTH_ENABLED: "false",
    SERVER_HOST: "127.0.0.1",
    ...freePorts(),
    SERVER_DRAIN_DELAY: "0s",
  };
}

/** Two different ports that nothing listens on. */
export function freePorts(): { SERVER_HTTP_PORT: string; SERVER_GRPC_PORT: string } {
  const httpPort = freePort();
  let grpcPort = freePort();
  while (grpcPort === httpPort) grpcPort = freePort();
  return { SERVER_HTTP_PORT: `${httpPort}`, SERVER_GRPC_PORT: `${grpcPort}` };
}

/** One line of the service's log. */
export type LogLine = Readonly<Record<string, unknown>>;

export interface StartOptions {
  readonly task?: "start" | "dev";
  /** What starts it instead of the task; for the commands of documents. */
  readonly command?: readonly string[];
  /** The file or pipe that takes its standard output instead of what `output()` reads. */
  readonly stdout?: string;
  /** A module that runs in it first; not for a binary. */
  readonly preload?: string;
  /** The authority (PEM) that signed its certificate, where it serves over TLS. */
  readonly caFile?: string;
}

/** The program as a user starts it: the task of deno.json, or what CACHE_SERVICE_BINARY names. */
export class ServiceProcess implements AsyncDisposable {
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly #process: ServerProcess;
  readonly #caFile: string | undefined;

  private constructor(settings: Settings, options: StartOptions) {
    const { task = "start", stdout, preload, caFile } = options;
    this.#caFile = caFile;
    this.httpPort = Number(settings.SERVER_HTTP_PORT);
    this.grpcPort = Number(settings.SERVER_GRPC_PORT);
    const command = options.command ??
      taskCommand(task, preload === undefined ? [] : [`--preload=${preload}`]);
    const redirect = stdout === undefined ? [] : ["sh", "-c", 'exec "$@" >"$0"', stdout];
    const args = inCleanEnv([...redirect, ...command], settings);
    this.#process = new ServerProcess("env", { args });
  }

  /** Starts it and waits until it is ready; `settings` name both ports. */
  static async start(settings: Settings, options: StartOptions = {}): Promise<ServiceProcess> {
    const service = new ServiceProcess(settings, options);
    await service.#process.whenReady(async () => await service.readyStatus() === 200, {
      deadlineMs: READY_DEADLINE_MS,
    });
    return service;
  }

  get pid(): number {
    return this.#process.pid;
  }

  get origin(): string {
    return `${this.#caFile === undefined ? "http" : "https"}://127.0.0.1:${this.httpPort}`;
  }

  get grpcAddress(): string {
    return `127.0.0.1:${this.grpcPort}`;
  }

  /** How the process ended, once it has. */
  get ended(): Promise<Deno.CommandStatus> {
    return this.#process.ended;
  }

  signal(signal: Deno.Signal): void {
    this.#process.signal(signal);
  }

  /** The HTTP status of the readiness probe. */
  async readyStatus(): Promise<number> {
    using client = Deno.createHttpClient({
      caCerts: this.#caFile === undefined ? [] : [Deno.readTextFileSync(this.#caFile)],
    });
    const headers = { connection: "close" };
    const response = await fetch(`${this.origin}/ready`, { headers, client });
    await response.body?.cancel();
    return response.status;
  }

  async health(): Promise<Record<string, unknown>> {
    return await (await fetch(`${this.origin}/health`)).json();
  }

  /** All that it has written so far, to stdout and stderr. */
  output(): string {
    return Deno.readTextFileSync(`${this.#process.folder}/output.log`);
  }

  /** The complete lines that it has written; throws if one is not JSON. */
  logLines(): LogLine[] {
    return this.output().split("\n").slice(0, -1).map((line) => JSON.parse(line));
  }

  /** Waits for a log line with `message`. */
  logged(message: string): Promise<LogLine> {
    return waitFor(() => this.logLines().find((line) => line.message === message), {
      deadlineMs: LOG_DEADLINE_MS,
      what: `the log line ${JSON.stringify(message)}`,
    });
  }

  /** Ends it by SIGTERM, or after 5 s by force, and forgets its output. */
  stop(): Promise<void> {
    return this.#process.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** How a command ended, and what it wrote. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stdoutBytes: Uint8Array;
  readonly stderr: string;
  readonly elapsedMs: number;
}

/** Runs `cache-service …args` to its end, with `stdin` as its standard input. */
export async function runCommand(
  args: readonly string[],
  settings: Settings = {},
  { stdin = new Uint8Array() }: { readonly stdin?: Uint8Array<ArrayBuffer> } = {},
): Promise<CommandResult> {
  const startedAt = performance.now();
  const child = new Deno.Command("timeout", {
    args: [COMMAND_LIMIT, "env", ...inCleanEnv(command(args), settings)],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  // A command that does not read it closes the pipe, which is no failure of the test.
  const written = new Blob([stdin]).stream().pipeTo(child.stdin).catch(() => {});
  const { code, stdout, stderr } = await child.output();
  await written;
  const text = new TextDecoder();
  return {
    code,
    stdout: text.decode(stdout),
    stdoutBytes: stdout,
    stderr: text.decode(stderr),
    elapsedMs: performance.now() - startedAt,
  };
}

/** `cache-service …args`, with the permissions of the task that serves. */
function command(args: readonly string[]): string[] {
  return [...taskCommand("start").slice(0, -1), ...args];
}

/** With `options` for Deno, which a binary does not take. */
function taskCommand(task: "start" | "dev", options: readonly string[] = []): string[] {
  const binary = Deno.env.get("CACHE_SERVICE_BINARY");
  if (binary !== undefined) return [binary, task === "dev" ? "dev" : "serve"];
  const { tasks } = JSON.parse(Deno.readTextFileSync(DENO_JSON));
  const words: string[] = tasks[task].split(" ");
  const parts: Record<string, readonly string[]> = {
    "deno": [Deno.execPath()],
    "main.ts": [...options, MAIN],
  };
  return words.flatMap((word) => parts[word] ?? word);
}

/** Arguments for `env`: the command with `settings`, and with no setting of the test runner. */
export function inCleanEnv(command: readonly string[], settings: Settings): string[] {
  const inherited = Object.keys(Deno.env.toObject()).filter((name) => SETTING.test(name));
  return [
    ...inherited.flatMap((name) => ["-u", name]),
    ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
    ...command,
  ];
}

import { waitFor } from "./wait_for.ts";

const STOP_GRACE_MS = 5_000;
const TAIL_CHARACTERS = 2_000;

// Reads a line when the server has been stopped, or the end of the pipe when the test runner has
// gone in whatever way; then nobody else is left to end the server and remove its folder.
const WATCHDOG = `read -r _ || { kill -s KILL -- "-$1"; [ -z "$2" ] || rm -rf "$2"; }`;

export interface ServerProcessOptions {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where it runs and its output goes; a new temporary folder unless given. */
  readonly folder?: string;
  /** Whether `stop` removes the folder; by default only a temporary one. */
  readonly removeFolder?: boolean;
}

/**
 * A server in a process group and a folder of its own. Signals go to the whole group, for
 * launchers that are scripts. It never outlives the test runner, even a killed one.
 */
export class ServerProcess implements AsyncDisposable {
  readonly pid: number;
  readonly folder: string;
  readonly #program: string;
  readonly #removeFolder: boolean;
  readonly #ended: Promise<Deno.CommandStatus>;
  readonly #watchdog: Deno.ChildProcess;
  #status: Deno.CommandStatus | undefined;
  #stopped: Promise<void> | undefined;

  /** Starts `program`; throws if the folder cannot be used. */
  constructor(program: string, options: ServerProcessOptions) {
    this.#program = program;
    this.#removeFolder = options.removeFolder ?? options.folder === undefined;
    this.folder = options.folder ?? makeServerFolder();
    const child = new Deno.Command("sh", {
      // Output goes to a file, because an open pipe is a leak to the test runner's sanitizers.
      args: ["-c", 'exec "$@" >>"$0" 2>&1', this.#outputFile, program, ...options.args],
      cwd: this.folder,
      env: { ...options.env },
      detached: true,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.pid = child.pid;
    this.#ended = child.status.then((status) => this.#status = status);
    this.#watchdog = new Deno.Command("sh", {
      args: ["-c", WATCHDOG, "sh", `${this.pid}`, this.#removeFolder ? this.folder : ""],
      cwd: "/",
      detached: true,
      stdin: "piped",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  get running(): boolean {
    return this.#status === undefined;
  }

  /** Settles when the process has ended by itself or by a signal. */
  get ended(): Promise<Deno.CommandStatus> {
    return this.#ended;
  }

  /** The end of what it wrote to stdout and stderr, for messages. */
  outputTail(): string {
    return Deno.readTextFileSync(this.#outputFile).slice(-TAIL_CHARACTERS).trim();
  }

  /** Waits for `condition`; if the server ends or is late, stops it and throws with its output. */
  async whenReady(
    condition: () => boolean | Promise<boolean>,
    options: { readonly deadlineMs: number },
  ): Promise<void> {
    try {
      await waitFor(() => !this.running || condition(), {
        ...options,
        what: `${this.#program} to be ready`,
      });
      if (!this.running) throw new Error(`${this.#program} ended with ${this.#status?.code}`);
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      const tail = this.outputTail();
      await this.stop();
      throw new Error(`${message}; its last output:\n${tail}`, { cause });
    }
  }

  /** Stops its threads without closing anything, until `thaw`. */
  freeze(): void {
    this.signal("SIGSTOP");
  }

  thaw(): void {
    this.signal("SIGCONT");
  }

  /** Ends it as a power cut would; the folder stays until `stop`. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#ended;
  }

  /** Asks it to end, insists after 5 s, and removes its folder. */
  stop(): Promise<void> {
    return this.#stopped ??= this.#stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Sends `signal` to the process group; does nothing if it has ended. */
  signal(signal: Deno.Signal): void {
    try {
      Deno.kill(-this.pid, signal);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  async #stop(): Promise<void> {
    this.thaw();
    this.signal("SIGTERM");
    const insist = setTimeout(() => this.signal("SIGKILL"), STOP_GRACE_MS);
    await this.#ended;
    clearTimeout(insist);
    // Children of a launcher script may have survived it.
    this.signal("SIGKILL");
    await this.release();
    if (this.#removeFolder) await Deno.remove(this.folder, { recursive: true });
  }

  /** Dismisses the watchdog of a process that has ended, leaving the folder for a successor. */
  async release(): Promise<void> {
    const writer = this.#watchdog.stdin.getWriter();
    await writer.write(new TextEncoder().encode("\n"));
    await writer.close();
    await this.#watchdog.status;
  }

  get #outputFile(): string {
    return `${this.folder}/output.log`;
  }
}

/** A temporary folder for a server, recognisable by its name. */
export function makeServerFolder(): string {
  return Deno.makeTempDirSync({ prefix: "cache-service-test-" });
}

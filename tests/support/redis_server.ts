import { type CertificateFiles, makeCertificates } from "./certificates.ts";
import { freePort } from "./free_port.ts";
import { callRedis } from "./resp.ts";
import { makeServerFolder, ServerProcess } from "./server_process.ts";

const READY_DEADLINE_MS = 10_000;
const COMMAND_TIMEOUT_MS = 5_000;
const PORT_ATTEMPTS = 5;
const CLUSTER_BUS_DISTANCE = 10_000;

export interface RedisOptions {
  /** A free one by default. */
  readonly port?: number;
  /** Of the user `default`, which has none unless given. */
  readonly password?: string;
  /** ACL rules, such as `app on >secret ~cache:* +@all`; `default` stays on. */
  readonly aclUsers?: readonly string[];
  /** More lines for redis.conf. */
  readonly config?: readonly string[];
  /** A folder to use and to keep; a temporary one by default. */
  readonly folder?: string;
  /** Keeps data over a restart; by default nothing is persisted. */
  readonly appendOnly?: boolean;
  /** Listens with TLS as well, on a port and with files found in `tls`. */
  readonly tls?: boolean;
  /** Makes it a node for a Redis Cluster. */
  readonly cluster?: boolean;
}

interface Tls extends CertificateFiles {
  readonly port: number;
}

/** A port that is free, as is that of the Cluster's bus which goes with it. */
export function freeClusterPort(): number {
  return freePort({ also: [CLUSTER_BUS_DISTANCE] });
}

/** A real Redis on 127.0.0.1. Get one from {@linkcode startRedis}. */
export class RedisServer implements AsyncDisposable {
  readonly host = "127.0.0.1";
  readonly port: number;
  readonly tls: Tls | undefined;
  readonly #folder: string;
  readonly #options: RedisOptions;
  #process: ServerProcess;

  private constructor(
    options: RedisOptions,
    started: { port: number; tls: Tls | undefined; folder: string },
  ) {
    this.#options = options;
    this.port = started.port;
    this.tls = started.tls;
    this.#folder = started.folder;
    this.#process = this.#launch();
  }

  /** Starts a server on the port given and waits until it answers. */
  static async start(options: RedisOptions): Promise<RedisServer> {
    const folder = options.folder ?? makeServerFolder();
    const tls = options.tls ? { ...await makeCertificates(folder), port: freePort() } : undefined;
    const port = options.port ?? (options.cluster ? freeClusterPort() : freePort());
    const server = new RedisServer(options, { port, tls, folder });
    await server.#whenReady();
    return server;
  }

  /** `host:port`, as REDIS_ADDRESSES wants it. */
  get address(): string {
    return `${this.host}:${this.port}`;
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Leaves connections open and answers nothing until `thaw`. */
  freeze(): void {
    this.#process.freeze();
  }

  thaw(): void {
    this.#process.thaw();
  }

  /** Ends it at once, without a save; `restart` brings it back on the same port. */
  kill(): Promise<void> {
    return this.#process.kill();
  }

  /** Ends it for good and removes its temporary folder. */
  stop(): Promise<void> {
    return this.#process.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Kills it if it runs and starts it again; `keepData` needs `appendOnly`. */
  async restart(options: { readonly keepData: boolean }): Promise<void> {
    if (options.keepData && !this.#options.appendOnly) {
      throw new Error("cannot restart Redis with its data: it was not started with appendOnly");
    }
    await this.#process.kill();
    await this.#process.release();
    if (!options.keepData) {
      await Deno.remove(`${this.#folder}/appendonlydir`, { recursive: true }).catch(ignoreMissing);
      await Deno.remove(`${this.#folder}/dump.rdb`).catch(ignoreMissing);
    }
    this.#process = this.#launch();
    await this.#whenReady();
  }

  /** The reply to a command as text (see `callRedis`), as the user `default`. */
  command(...args: readonly string[]): Promise<string> {
    const { password } = this.#options;
    const commands = password === undefined ? [args] : [["AUTH", password], args];
    return callRedis(this.port, { commands, timeoutMs: COMMAND_TIMEOUT_MS });
  }

  #launch(): ServerProcess {
    Deno.writeTextFileSync(`${this.#folder}/redis.conf`, this.#configuration());
    return new ServerProcess("redis-server", {
      args: ["redis.conf"],
      folder: this.#folder,
      removeFolder: this.#options.folder === undefined,
    });
  }

  #configuration(): string {
    const { password, aclUsers = [], config = [], appendOnly, cluster } = this.#options;
    const tls = this.tls === undefined ? [] : [
      `tls-port ${this.tls.port}`,
      `tls-ca-cert-file ${this.tls.caFile}`,
      `tls-cert-file ${this.tls.certFile}`,
      `tls-key-file ${this.tls.keyFile}`,
      "tls-auth-clients no",
    ];
    return [
      `bind ${this.host}`,
      `port ${this.port}`,
      'save ""',
      `appendonly ${appendOnly ? "yes" : "no"}`,
      ...password === undefined ? [] : [`requirepass "${password}"`],
      ...aclUsers.map((user) => `user ${user}`),
      ...tls,
      ...cluster ? ["cluster-enabled yes", "cluster-node-timeout 2000"] : [],
      ...config,
      "",
    ].join("\n");
  }

  #whenReady(): Promise<void> {
    return this.#process.whenReady(async () => await this.command("PING") === "PONG", {
      deadlineMs: READY_DEADLINE_MS,
    });
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

/** Starts a Redis of this test's own; use it with `await using`. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  for (let attempt = 1;; attempt++) {
    try {
      return await RedisServer.start(options);
    } catch (error) {
      const portWasTaken = error instanceof Error &&
        error.message.includes("Address already in use");
      if (!portWasTaken || options.port !== undefined || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

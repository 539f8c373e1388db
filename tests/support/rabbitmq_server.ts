import { type CertificateFiles, makeCertificates } from "./certificates.ts";
import { freePort } from "./free_port.ts";
import { makeServerFolder, ServerProcess } from "./server_process.ts";

const READY_DEADLINE_MS = 40_000;
const STARTED = "Server startup complete";

/** Programs that `startRabbitmq` needs. */
export const RABBITMQ_PROGRAMS: readonly string[] = [
  "/usr/lib/rabbitmq/bin/rabbitmq-server",
  "epmd",
];

// The node would start the port mapper as a daemon that outlives it; here it is of the same group.
const START = 'epmd -port "$ERL_EPMD_PORT" & exec /usr/lib/rabbitmq/bin/rabbitmq-server';

export interface RabbitmqOptions {
  /** Instead of guest and guest. */
  readonly user?: { readonly name: string; readonly password: string };
  /** Listens with TLS as well, on a port and with files found in `tls`. */
  readonly tls?: boolean;
  /** More lines for rabbitmq.conf. */
  readonly config?: readonly string[];
}

interface Ports {
  readonly amqp: number;
  readonly distribution: number;
  readonly portMapper: number;
}

/** A real RabbitMQ on 127.0.0.1. Get one from {@linkcode startRabbitmq}. */
export class RabbitmqServer implements AsyncDisposable {
  readonly tls: (CertificateFiles & { readonly port: number }) | undefined;
  readonly #options: RabbitmqOptions;
  readonly #folder: string;
  readonly #ports: Ports;
  #process: ServerProcess | undefined;
  /** How much of the output is of earlier runs. */
  #seen = 0;

  private constructor(
    options: RabbitmqOptions,
    started: { folder: string; tls: RabbitmqServer["tls"] },
  ) {
    this.#options = options;
    this.#folder = started.folder;
    this.tls = started.tls;
    this.#ports = { amqp: freePort(), distribution: freePort(), portMapper: freePort() };
  }

  static async start(options: RabbitmqOptions): Promise<RabbitmqServer> {
    const folder = makeServerFolder();
    const tls = options.tls ? { ...await makeCertificates(folder), port: freePort() } : undefined;
    const server = new RabbitmqServer(options, { folder, tls });
    await server.launch();
    return server;
  }

  /** Without user and password. */
  get url(): string {
    return `amqp://127.0.0.1:${this.port}`;
  }

  get port(): number {
    return this.#ports.amqp;
  }

  /** Ends it as a power cut would; `launch` brings it back on the same port, with its data. */
  async kill(): Promise<void> {
    await this.#process?.kill();
    await this.#process?.release();
  }

  /** Kills it and starts it again. */
  async restart(): Promise<void> {
    await this.kill();
    await this.launch();
  }

  freeze(): void {
    this.#process?.freeze();
  }

  thaw(): void {
    this.#process?.thaw();
  }

  /** Starts it and waits until it takes connections. */
  async launch(): Promise<void> {
    const { amqp, distribution, portMapper } = this.#ports;
    await Deno.writeTextFile(`${this.#folder}/rabbitmq.conf`, this.#configuration());
    await Deno.writeTextFile(`${this.#folder}/enabled_plugins`, "[].");
    this.#process = new ServerProcess("sh", {
      args: ["-c", START],
      folder: this.#folder,
      removeFolder: true,
      env: {
        HOME: this.#folder,
        ERL_EPMD_PORT: `${portMapper}`,
        ERL_EPMD_ADDRESS: "127.0.0.1",
        RABBITMQ_NODENAME: `test${amqp}@localhost`,
        RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
        RABBITMQ_NODE_PORT: `${amqp}`,
        RABBITMQ_DIST_PORT: `${distribution}`,
        RABBITMQ_MNESIA_BASE: `${this.#folder}/mnesia`,
        RABBITMQ_LOG_BASE: `${this.#folder}/log`,
        RABBITMQ_CONFIG_FILE: `${this.#folder}/rabbitmq`,
        RABBITMQ_ENABLED_PLUGINS_FILE: `${this.#folder}/enabled_plugins`,
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "+S 1:1 +sbwt none",
      },
    });
    const deadline = { deadlineMs: READY_DEADLINE_MS };
    await this.#process.whenReady(() => this.#output().includes(STARTED, this.#seen), deadline);
    this.#seen = this.#output().length;
  }

  /** Ends it for good and removes its folder. */
  stop(): Promise<void> {
    return this.#process?.stop() ?? Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #output(): string {
    return Deno.readTextFileSync(`${this.#folder}/output.log`);
  }

  #configuration(): string {
    const { user, config = [] } = this.#options;
    const { tls } = this;
    return [
      `listeners.tcp.default = 127.0.0.1:${this.port}`,
      "log.console = true",
      "log.file = false",
      ...(user === undefined ? [] : [
        `default_user = ${user.name}`,
        `default_pass = ${user.password}`,
      ]),
      ...(tls === undefined ? [] : [
        `listeners.ssl.default = 127.0.0.1:${tls.port}`,
        `ssl_options.cacertfile = ${tls.caFile}`,
        `ssl_options.certfile = ${tls.certFile}`,
        `ssl_options.keyfile = ${tls.keyFile}`,
        "ssl_options.verify = verify_none",
      ]),
      ...config,
      "",
    ].join("\n");
  }
}

/** Starts RabbitMQ, which takes some 5 s. */
export function startRabbitmq(options: RabbitmqOptions = {}): Promise<RabbitmqServer> {
  return RabbitmqServer.start(options);
}

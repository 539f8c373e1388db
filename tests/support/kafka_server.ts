import { type CertificateFiles, makeCertificates } from "./certificates.ts";
import { freePort } from "./free_port.ts";
import { makeServerFolder, ServerProcess } from "./server_process.ts";

const READY_DEADLINE_MS = 60_000;
const STARTED = "Kafka Server started";
const CLUSTER_ID = "Y2FjaGUtc2VydmljZS10ZQ";

/** Programs that `startKafka` needs: `java` with Kafka's class path, which .ci/run puts together. */
export const KAFKA_PROGRAMS: readonly string[] = ["kafka-java"];

export interface KafkaOptions {
  /** Partitions of a topic that is created by its first use. */
  readonly partitions?: number;
  /** Listens with TLS and SASL PLAIN as well, on a port and with files found in `secured`. */
  readonly user?: { readonly name: string; readonly password: string };
}

/** A real Kafka on 127.0.0.1, broker and controller in one. Get one from {@linkcode startKafka}. */
export class KafkaServer implements AsyncDisposable {
  readonly port: number;
  readonly secured: (CertificateFiles & { readonly port: number }) | undefined;
  readonly #options: KafkaOptions;
  readonly #folder: string;
  readonly #controllerPort: number;
  #process: ServerProcess | undefined;
  /** How much of the output is of earlier runs. */
  #seen = 0;

  private constructor(
    options: KafkaOptions,
    started: { folder: string; secured: KafkaServer["secured"] },
  ) {
    this.#options = options;
    this.#folder = started.folder;
    this.secured = started.secured;
    this.port = freePort();
    this.#controllerPort = freePort();
  }

  static async start(options: KafkaOptions): Promise<KafkaServer> {
    const folder = makeServerFolder();
    const secured = options.user && { ...await makeCertificates(folder), port: freePort() };
    const server = new KafkaServer(options, { folder, secured });
    await server.#format();
    await server.launch();
    return server;
  }

  /** `host:port`, as BROKER_URL wants it. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
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
    this.#process = new ServerProcess("kafka-java", {
      args: ["-Xmx256m", "-XX:TieredStopAtLevel=1", "kafka.Kafka", "server.properties"],
      folder: this.#folder,
      removeFolder: true,
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

  async #format(): Promise<void> {
    if (this.secured !== undefined) {
      const { keyFile, certFile } = this.secured;
      const pem = await Deno.readTextFile(keyFile) + await Deno.readTextFile(certFile);
      await Deno.writeTextFile(`${this.#folder}/keystore.pem`, pem);
    }
    await Deno.writeTextFile(`${this.#folder}/server.properties`, this.#configuration());
    const { success, stderr } = await new Deno.Command("kafka-java", {
      args: ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", "server.properties"],
      cwd: this.#folder,
      stdin: "null",
    }).output();
    if (!success) throw new Error(`kafka format failed: ${new TextDecoder().decode(stderr)}`);
  }

  #output(): string {
    return Deno.readTextFileSync(`${this.#folder}/output.log`);
  }

  #configuration(): string {
    const { partitions = 1, user } = this.#options;
    const plain = `PLAINTEXT://${this.address}`;
    const secured = this.secured && `,SASL_SSL://127.0.0.1:${this.secured.port}`;
    const module = "org.apache.kafka.common.security.plain.PlainLoginModule";
    return [
      "process.roles=broker,controller",
      "node.id=1",
      `controller.quorum.voters=1@127.0.0.1:${this.#controllerPort}`,
      `listeners=${plain},CONTROLLER://127.0.0.1:${this.#controllerPort}${secured ?? ""}`,
      `advertised.listeners=${plain}${secured ?? ""}`,
      "controller.listener.names=CONTROLLER",
      "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL",
      `log.dirs=${this.#folder}/data`,
      `num.partitions=${partitions}`,
      "offsets.topic.replication.factor=1",
      "offsets.topic.num.partitions=1",
      "transaction.state.log.replication.factor=1",
      "transaction.state.log.min.isr=1",
      "group.initial.rebalance.delay.ms=0",
      // How long a restart waits for the end of the killed broker's session; 9 s by default.
      "broker.session.timeout.ms=2000",
      "broker.heartbeat.interval.ms=500",
      ...(user === undefined ? [] : [
        "ssl.keystore.type=PEM",
        `ssl.keystore.location=${this.#folder}/keystore.pem`,
        "sasl.enabled.mechanisms=PLAIN",
        `listener.name.sasl_ssl.plain.sasl.jaas.config=${module} required ` +
        `user_${user.name}="${user.password}";`,
      ]),
      "",
    ].join("\n");
  }
}

/** Starts Kafka, which takes some 5 s. */
export function startKafka(options: KafkaOptions = {}): Promise<KafkaServer> {
  return KafkaServer.start(options);
}

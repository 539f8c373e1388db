import { inCleanEnv, type Settings } from "../e2e/service_process.ts";
import { projectFile } from "../deploy/deploy_files.ts";
import { findProgram } from "../support/find_program.ts";
import { makeServerFolder } from "../support/server_process.ts";
import type { DocumentExamples } from "./document_examples.ts";
import { assignmentsOf } from "./example_kind.ts";
import type { Block } from "./fenced_blocks.ts";

/** Where a block of commands is ended, in seconds; Go may have to compile first. */
const LIMIT = "300";

/** Files of the folder, and where they are in the project. */
const PROVIDED = {
  "proto/cache/v1/cache.proto": "proto/cache/v1/cache.proto",
  "go.mod": "tests/docs/go.mod",
  "go.sum": "tests/docs/go.sum",
  "deno.json": "deno.json",
  "deno.lock": "deno.lock",
};

/** The ports of a service. */
export interface Ports {
  readonly httpPort: number;
  readonly grpcPort: number;
}

/** How commands ended, and what they wrote. */
export interface ExampleResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * A reader's folder: it has the schema, the source files that a document shows, and the packages
 * that it has the reader install. There the document's commands are run.
 */
export class ExampleFolder implements Disposable {
  readonly path: string;
  readonly #examples: DocumentExamples;
  readonly #ports: Ports;

  constructor(examples: DocumentExamples, ports: Ports) {
    this.#examples = examples;
    this.#ports = ports;
    this.path = makeServerFolder();
    this.#provide();
  }

  /** Runs a block, after the assignments of the blocks before it. */
  async run(block: Block, settings: Settings = {}): Promise<ExampleResult> {
    const before = this.#examples.runnable().map((example) => example.block)
      .filter(({ line }) => line < block.line);
    const script = this.localText([...before.flatMap(assignmentsOf), block.text].join("\n"));
    const PATH = `${this.path}/bin:${Deno.env.get("PATH") ?? ""}`;
    const command = ["timeout", LIMIT, "bash", "-eu", "-o", "pipefail", "-c", script];
    const { code, stdout, stderr } = await new Deno.Command("env", {
      args: inCleanEnv(command, { PATH, NO_COLOR: "1", ...settings }),
      cwd: this.path,
      stdin: "null",
    }).output();
    const text = new TextDecoder();
    return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
  }

  /** A text of the document, with the ports of the service that is there. */
  localText(text: string): string {
    return text
      .replaceAll(/\b8080\b/g, `${this.#ports.httpPort}`)
      .replaceAll(/\b50051\b/g, `${this.#ports.grpcPort}`);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }

  #provide(): void {
    const { path } = this;
    Deno.mkdirSync(`${path}/proto/cache/v1`, { recursive: true });
    for (const [file, source] of Object.entries(PROVIDED)) {
      Deno.copyFileSync(projectFile(source), `${path}/${file}`);
    }
    Deno.mkdirSync(`${path}/bin`);
    Deno.symlinkSync(Deno.execPath(), `${path}/bin/deno`);
    const python = findProgram("grpc-python");
    if (python !== undefined) Deno.symlinkSync(python, `${path}/bin/python3`);
    for (const { file, block } of this.#examples.sources()) {
      Deno.writeTextFileSync(`${path}/${file}`, this.localText(block.text));
    }
  }
}

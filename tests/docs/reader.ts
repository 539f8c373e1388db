import assert from "node:assert/strict";
import type { ServiceProcess, Settings } from "../e2e/service_process.ts";
import { assertPrints } from "./assert_prints.ts";
import type { DocumentExamples, RunnableExample } from "./document_examples.ts";
import { ExampleFolder } from "./example_folder.ts";
import { placeOf } from "./fenced_blocks.ts";

/** Follows a document: has the service that it starts, and a folder for its commands. */
export class Reader implements AsyncDisposable {
  readonly folder: ExampleFolder;
  readonly service: ServiceProcess;
  readonly #examples: DocumentExamples;

  private constructor(examples: DocumentExamples, service: ServiceProcess) {
    this.#examples = examples;
    this.service = service;
    this.folder = new ExampleFolder(examples, service);
  }

  /** Starts the service as the document says, with `settings` as well. */
  static async start(examples: DocumentExamples, settings: Settings = {}): Promise<Reader> {
    return new Reader(examples, await examples.start(settings));
  }

  /** Runs an example and asserts that it prints what the document shows. */
  async follow({ block, output }: RunnableExample, settings: Settings = {}): Promise<void> {
    const { code, stdout, stderr } = await this.folder.run(block, settings);
    const place = `${placeOf(block)}\n${block.text}`;
    assert.equal(code, 0, `${place}${stdout}${stderr}`);
    try {
      assertPrints(stdout, output && { ...output, text: this.folder.localText(output.text) });
    } catch (error) {
      assert.fail(`${place}${error instanceof Error ? error.message : error}${stderr}`);
    }
  }

  /** Runs the nearest `protoc` command before a program of gRPC. */
  async generateStubs({ block }: RunnableExample): Promise<void> {
    if (!block.text.includes("grpc")) return;
    const protoc = this.#examples.runnable().findLast((example) =>
      example.block.line < block.line && example.block.text.includes("protoc ")
    );
    if (protoc !== undefined) await this.follow(protoc);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.folder[Symbol.dispose]();
    await this.service.stop();
  }
}

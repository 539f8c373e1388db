import assert from "node:assert/strict";
import { projectFile } from "../deploy/deploy_files.ts";
import { freePorts, ServiceProcess, type Settings } from "../e2e/service_process.ts";
import { type ExampleKind, exampleKind, type Exemption } from "./example_kind.ts";
import { type Block, fencedBlocks, placeOf } from "./fenced_blocks.ts";

/** A block of commands that is run, with what it needs and what it should print. */
export interface RunnableExample {
  readonly block: Block;
  readonly needs: readonly string[];
  /** The block that shows what it prints; without one it prints nothing. */
  readonly output: Block | undefined;
}

interface Example {
  readonly block: Block;
  /** Undefined for a block of no kind. */
  readonly kind: ExampleKind | undefined;
}

/** The fenced blocks of a document, and what is done with each. */
export class DocumentExamples {
  readonly document: string;
  readonly blocks: readonly Block[];
  /** Of blocks that are of no kind: where they are, and why. */
  readonly faults: readonly string[];
  readonly #examples: readonly Example[];

  constructor(document: string) {
    const faults: string[] = [];
    this.document = document;
    this.blocks = fencedBlocks(document);
    this.faults = faults;
    this.#examples = this.blocks.map((block, index) => {
      try {
        return { block, kind: exampleKind(block, this.blocks[index - 1]) };
      } catch (error) {
        faults.push(`${placeOf(block)}: ${error instanceof Error ? error.message : error}`);
        return { block, kind: undefined };
      }
    });
  }

  runnable(): RunnableExample[] {
    return this.#examples.flatMap(({ block, kind }, index) => {
      if (kind?.kind !== "run") return [];
      const next = this.#examples[index + 1];
      const output = next?.kind?.kind === "output" ? next.block : undefined;
      return [{ block, needs: kind.needs, output }];
    });
  }

  exempt(reason: Exemption): Block[] {
    return this.#examples
      .filter(({ kind }) => kind?.kind === "exempt" && kind.reason === reason)
      .map(({ block }) => block);
  }

  /** The files that it shows, with their blocks. */
  sources(): { readonly file: string; readonly block: Block }[] {
    return this.#examples.flatMap(({ block, kind }) =>
      kind?.kind === "source" ? [{ file: kind.file, block }] : []
    );
  }

  /** The commands that run the files. */
  programs(): { readonly file: string; readonly example: RunnableExample }[] {
    return this.sources().flatMap(({ file }) =>
      this.runnable()
        .filter(({ block }) => block.text.split(/\s/).includes(file))
        .map((example) => ({ file, example }))
    );
  }

  /** Starts the service by the document's own command. */
  start(settings: Settings = {}): Promise<ServiceProcess> {
    const [block] = this.exempt("starts the service");
    assert(block !== undefined, `${this.document} does not start the service`);
    return startByBlock(block, settings);
  }
}

/** Starts the service by the command of a block, on free ports. */
export function startByBlock(
  { text }: Pick<Block, "text">,
  settings: Settings = {},
): Promise<ServiceProcess> {
  const script = `cd "$0"\n${text}`;
  const command = ["bash", "-euc", script, projectFile("")];
  return ServiceProcess.start({ ...freePorts(), ...settings }, { command });
}

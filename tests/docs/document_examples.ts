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

/** The fenced blocks of a document, and what is done with each. */
export class DocumentExamples {
  readonly document: string;
  readonly blocks: readonly Block[];

  constructor(document: string) {
    this.document = document;
    this.blocks = fencedBlocks(document);
  }

  /** What is done with each block; throws, with its place, for one of no kind. */
  kinds(): { readonly block: Block; readonly example: ExampleKind }[] {
    return this.blocks.map((block, index) => {
      try {
        return { block, example: exampleKind(block, this.blocks[index - 1]) };
      } catch (cause) {
        const message = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`${placeOf(block)}: ${message}`, { cause });
      }
    });
  }

  runnable(): RunnableExample[] {
    const kinds = this.kinds();
    return kinds.flatMap(({ block, example }, index) => {
      if (example.kind !== "run") return [];
      const next = kinds[index + 1];
      const output = next?.example.kind === "output" ? next.block : undefined;
      return [{ block, needs: example.needs, output }];
    });
  }

  exempt(reason: Exemption): Block[] {
    return this.kinds()
      .filter(({ example }) => example.kind === "exempt" && example.reason === reason)
      .map(({ block }) => block);
  }

  /** The files that it shows, with their blocks. */
  sources(): { readonly file: string; readonly block: Block }[] {
    return this.kinds().flatMap(({ block, example }) =>
      example.kind === "source" ? [{ file: example.file, block }] : []
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

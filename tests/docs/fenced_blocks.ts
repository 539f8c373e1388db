import { readProject } from "../deploy/deploy_files.ts";

/** A fenced code block of a document. */
export interface Block {
  readonly document: string;
  /** Of its opening fence, counted from 1. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
  /** Whether nothing but blank lines stand between the block before and this one. */
  readonly adjoins: boolean;
}

const FENCE = /^( *)(`{3,}|~{3,})([^\n]*)\n([\s\S]*?)^\1\2 *$/gm;

/** The fenced code blocks of a document of the project, in their order. */
export function fencedBlocks(document: string): Block[] {
  return parseBlocks(readProject(document), document);
}

/** The same, of a text; `document` is its name in messages. */
export function parseBlocks(markdown: string, document: string): Block[] {
  let end = 0;
  return [...markdown.matchAll(FENCE)].map((match) => {
    const { 0: whole, 1: indent = "", 3: info = "", 4: body = "", index } = match;
    const between = markdown.slice(end, index);
    const block = {
      document,
      line: markdown.slice(0, index).split("\n").length,
      language: info.trim(),
      text: body.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
      adjoins: end > 0 && between.trim() === "",
    };
    end = index + whole.length;
    return block;
  });
}

/** Where a block is, for messages. */
export function placeOf({ document, line }: Block): string {
  return `${document}:${line}`;
}

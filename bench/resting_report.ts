import type { Binary } from "./binary.ts";
import { decimal, integer, mebibytes, spreadText, table } from "./markdown.ts";
import type { Program, Resting } from "./resting.ts";

/** What the service takes without load. */
export interface RestingReport {
  /** Absent where there was none to measure. */
  readonly binary?: Binary;
  readonly startUps: readonly Resting[];
}

const PROGRAMS: Readonly<Record<Program, string>> = { run: "`deno run`", binary: "binary" };
const BACKENDS: Readonly<Record<Resting["backend"], string>> = { memory: "memory", redis: "Redis" };

/** The report's part about the service at rest. */
export function restingText({ binary, startUps }: RestingReport, deno: string): string {
  return [
    binary === undefined ? NO_BINARY : binaryText(binary, deno),
    "Of start-ups, the median and the range; ratios are taken in pairs, one start after the other. " +
    "A start ends with the first answer about a key.",
    startUpTable(startUps),
  ].join("\n\n");
}

const NO_BINARY = "The compiled binary was not measured: there was none in `dist`.";

function binaryText(binary: Binary, deno: string): string {
  const grpc = binary.servesGrpc
    ? "it serves gRPC"
    : "it serves no gRPC, so its figures are those of REST alone";
  return `The compiled binary, of commit \`${binary.commit.slice(0, 7)}\`, has ` +
    `${integer(binary.bytes / 1e6)} MB. It carries Deno ${binary.deno}, and ${grpc}; ` +
    `\`deno run\` is that of Deno ${deno}.`;
}

function startUpTable(startUps: readonly Resting[]): string {
  const head = ["", "start to first answer, ms", "÷ `deno run`", "resident memory when idle"];
  const rows = startUps.map(({ backend, program, startUpMs, startUpRatio, idleBytes }) => [
    `${PROGRAMS[program]}, ${BACKENDS[backend]}`,
    spreadText(startUpMs, integer),
    program === "run" ? "1" : spreadText(startUpRatio, decimal),
    mebibytes(idleBytes),
  ]);
  return table(head, rows);
}

import type { Binary } from "./binary.ts";
import { decimal, integer, mebibytes, spreadText, table } from "./markdown.ts";
import { NEAR_ENTRIES, type NearMemory } from "./near_memory.ts";
import type { Program, Resting } from "./resting.ts";

/** What the service takes without load. */
export interface RestingReport {
  /** Absent where there was none to measure. */
  readonly binary?: Binary;
  readonly startUps: readonly Resting[];
  readonly near: readonly NearMemory[];
}

const PROGRAMS: Readonly<Record<Program, string>> = { run: "`deno run`", binary: "binary" };
const BACKENDS: Readonly<Record<Resting["backend"], string>> = { memory: "memory", redis: "Redis" };

/** The report's part about the service at rest. */
export function restingText({ binary, startUps, near }: RestingReport, deno: string): string {
  return [
    binary === undefined ? NO_BINARY : binaryText(binary, deno),
    "Of start-ups, the median and the range; ratios are taken in pairs, one start after the other. " +
    "A start ends with the first answer about a key.",
    startUpTable(startUps),
    `### Memory with ${integer(NEAR_ENTRIES)} near-cache entries of 1 KiB`,
    "Filled by REST in batches; resident memory has what serving them left behind. The service's " +
    "own reckoning, which `CACHE_MAX_MEMORY_MB` bounds, is the gauge `cache_memory_usage_bytes`.",
    nearTable(near),
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

function nearTable(near: readonly NearMemory[]): string {
  const head = ["", "idle", "full", "bytes an entry", "reckoned", "reckoned bytes an entry"];
  const rows = near.map(({ program, idleBytes, fullBytes, reckonedBytes }) => [
    PROGRAMS[program],
    mebibytes(idleBytes),
    mebibytes(fullBytes),
    integer((fullBytes - idleBytes) / NEAR_ENTRIES),
    mebibytes(reckonedBytes),
    integer(reckonedBytes / NEAR_ENTRIES),
  ]);
  return table(head, rows);
}

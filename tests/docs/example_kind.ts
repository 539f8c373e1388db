import type { Block } from "./fenced_blocks.ts";

/** Why a block of commands is not run as it stands. */
export type Exemption =
  /** It is run to serve the other blocks of its document. */
  | "starts the service"
  /** It is run with a Redis of the test. */
  | "starts the service over Redis"
  /** It runs the tests, of which this is one. */
  | "runs the tests"
  /** It downloads; what is there instead has the versions that it names. */
  | "installs packages";

/** What is done with a block. */
export type ExampleKind =
  | { readonly kind: "run"; readonly needs: readonly string[] }
  | { readonly kind: "exempt"; readonly reason: Exemption }
  /** Saved as `file`, for a block of commands further down. */
  | { readonly kind: "source"; readonly file: string }
  /** What the block of commands right before it prints. */
  | { readonly kind: "output" }
  /** To be looked at only. */
  | { readonly kind: "picture" };

const DENO = String.raw`(?:deno|npx -y deno@[\d.]+)`;

/** Every line of the block must be one of its reason. */
const EXEMPTIONS: readonly (readonly [Exemption, RegExp])[] = [
  ["starts the service", new RegExp(`^${DENO} task dev$`)],
  ["starts the service over Redis", new RegExp(`^REDIS_ADDRESSES=[\\d.:]+ ${DENO} task dev$`)],
  ["runs the tests", new RegExp(`^${DENO} task (test|ok)$`)],
  ["installs packages", /^(npm install|pip install|go install|go get|go mod init) [\w@.=/ -]+$/],
];

/** Programs that commands may call. */
const PROGRAMS: readonly string[] = [
  "curl",
  "deno",
  "go",
  "grpcurl",
  "printf",
  "protoc",
  "python3",
];
/** They need no program on PATH: the shell's own, and the Deno that runs the test. */
const AT_HAND: readonly string[] = ["deno", "printf"];
/** What commands need besides the programs that they call. */
const MORE_NEEDS: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^(protoc|go run .*grpc)/m, ["protoc", "protoc-gen-go", "protoc-gen-go-grpc"]],
  // What python3 is there need not have the packages.
  [/^python3 .*grpc/m, ["grpc-python"]],
];

const SOURCE_LANGUAGES: readonly string[] = ["ts", "go", "python"];
const OUTPUT_LANGUAGES: readonly string[] = ["json", "text"];
const FILE = /^(?:\/\/|#) (\w+\.(?:ts|go|py))\n/;
const ASSIGNMENT = /^\w+=\S*$/;

/** What is done with a block; throws where it is of no kind. */
export function exampleKind(block: Block, before: Block | undefined): ExampleKind {
  if (block.language === "sh") return commandsKind(block);
  if (SOURCE_LANGUAGES.includes(block.language)) {
    const file = FILE.exec(block.text)?.[1];
    if (file === undefined) throw new Error("its first line is no comment with the file's name");
    return { kind: "source", file };
  }
  if (OUTPUT_LANGUAGES.includes(block.language)) {
    const follows = block.adjoins && before !== undefined && before.language === "sh";
    if (!follows) return { kind: "picture" };
    const { kind } = commandsKind(before);
    if (kind !== "run") throw new Error("it is the output of a block that is not run");
    return { kind: "output" };
  }
  if (block.language === "") return { kind: "picture" };
  throw new Error(`nothing is known of the language ${JSON.stringify(block.language)}`);
}

function commandsKind({ text }: Block): ExampleKind {
  const lines = text.trim().split("\n").filter((line) => !/^\s*(#|$)/.test(line));
  for (const [reason, pattern] of EXEMPTIONS) {
    if (lines.every((line) => pattern.test(line))) return { kind: "exempt", reason };
  }
  const programs = programsOf(text);
  const unknown = programs.find((program) => !PROGRAMS.includes(program));
  if (unknown !== undefined) throw new Error(`it is neither run, for ${unknown}, nor exempt`);
  const more = MORE_NEEDS.flatMap(([pattern, needs]) => pattern.test(text) ? needs : []);
  const needs = programs.filter((program) => !AT_HAND.includes(program));
  return { kind: "run", needs: [...new Set([...needs, ...more])] };
}

/** The names of the programs that commands call. */
export function programsOf(commands: string): string[] {
  const bare = commands
    .replaceAll("\\\n", " ")
    .replaceAll(/'[^']*'|"[^"]*"/g, "…")
    .replaceAll(/^\s*#.*$/gm, "");
  const calls = bare.split(/\n|\||&&|;/).map((call) => call.trim().split(/\s+/));
  return calls.flatMap((words) =>
    words.find((word) => word !== "" && !ASSIGNMENT.test(word)) ?? []
  );
}

/** Lines of commands that do nothing but assign a variable: they count for later blocks as well. */
export function assignmentsOf({ text }: Block): string[] {
  return text.split("\n").filter((line) => ASSIGNMENT.test(line));
}

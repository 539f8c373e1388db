import { parseArgs } from "node:util";
import { EXIT } from "./exit_code.ts";
import { complain, print } from "./terminal.ts";

/** A command line that does not fit its command; its message is for the user. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** An option of a command: with `value`, which names its argument, or else a flag. */
export interface OptionSpec {
  /** What the help writes for the argument, such as `URL`. */
  readonly value?: string;
  readonly about: string;
}

/** What was given on the command line. `Name` is the union of the option names. */
export interface Arguments<Name extends string> {
  /** In their order; as many as the command takes. */
  readonly positionals: readonly string[];
  /** The argument of an option, or nothing. Throws `UsageError` where it was given twice. */
  value(name: Name): string | undefined;
  /** Every argument of an option that may be given several times. */
  values(name: Name): readonly string[];
  /** Whether a flag was given. */
  has(name: Name): boolean;
}

/** What a command is made of. */
export interface CommandSpec<Name extends string> {
  readonly name: string;
  /** One line for the list of commands. */
  readonly about: string;
  /** As the help writes them: `KEY`, `[URL]` where it may be left out, `KEY...` for one or more. */
  readonly positionals?: readonly string[];
  readonly options?: Readonly<Record<Name, OptionSpec>>;
  /** Further text of the help. */
  readonly notes?: string;
  /** Resolves with the exit code; may throw `UsageError`. */
  run(args: Arguments<Name>): number | Promise<number>;
}

/** A subcommand as the program runs it. */
export interface Command {
  readonly name: string;
  readonly about: string;
  /** Parses the words after the command's name and runs it; resolves with the exit code. */
  run(words: readonly string[]): Promise<number>;
}

/** Makes a command that answers `--help` and refuses, with exit code 2, what does not fit it. */
export function command<Name extends string = never>(spec: CommandSpec<Name>): Command {
  const { name, about } = spec;
  return {
    name,
    about,
    async run(words: readonly string[]): Promise<number> {
      try {
        const args = parseArguments(spec, words);
        if (args !== "help") return await spec.run(args);
        print(help(spec));
        return EXIT.done;
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        complain(`${error.message}\n\n${usage(spec)}`);
        return EXIT.usage;
      }
    },
  };
}

/** Reads the words after a command's name; throws `UsageError`. */
export function parseArguments<Name extends string>(
  spec: CommandSpec<Name>,
  words: readonly string[],
): Arguments<Name> | "help" {
  const { values, positionals } = parseWords(spec, words);
  if (values.has("help")) return "help";
  checkCount(spec, positionals.length);
  const all = (name: string): readonly string[] => values.get(name) ?? [];
  return {
    positionals,
    value: (name): string | undefined => {
      if (all(name).length > 1) throw new UsageError(`--${name} was given more than once.`);
      return all(name)[0];
    },
    values: all,
    has: (name) => values.has(name),
  };
}

/** The options that were given, each with its arguments, of which a flag has none. */
function parseWords<Name extends string>(
  { options }: CommandSpec<Name>,
  words: readonly string[],
): { readonly values: ReadonlyMap<string, readonly string[]>; readonly positionals: string[] } {
  const known: Parameters<typeof parseArgs>[0] = {
    args: [...words],
    allowPositionals: true,
    options: {
      help: { type: "boolean", short: "h" },
      ...Object.fromEntries(
        Object.entries<OptionSpec>(options ?? {}).map(([name, { value }]) =>
          value === undefined
            ? [name, { type: "boolean" as const }]
            : [name, { type: "string" as const, multiple: true }]
        ),
      ),
    },
  };
  try {
    const { values, positionals } = parseArgs(known);
    const given = Object.entries(values).map(([name, value]) =>
      [name, (Array.isArray(value) ? value : []).map(String)] as const
    );
    return { values: new Map(given), positionals };
  } catch (error) {
    // Of its messages only the first sentence is about this command line.
    const message = error instanceof Error ? error.message.split(/\.\s/)[0] ?? "" : String(error);
    throw new UsageError(`${message.replace(/\.$/, "")}.`);
  }
}

function checkCount({ name, positionals = [] }: CommandSpec<string>, count: number): void {
  const fewest = positionals.filter((text) => !text.startsWith("[")).length;
  const most = positionals.some((text) => text.includes("...")) ? Infinity : positionals.length;
  if (count >= fewest && count <= most) return;
  const taken = most === 0 ? "no argument" : positionals.join(" ");
  throw new UsageError(`${name} takes ${taken}; ${count} ${count === 1 ? "was" : "were"} given.`);
}

function usage({ name, positionals = [], options }: CommandSpec<string>): string {
  const words = [name, ...(options === undefined ? [] : ["[OPTIONS]"]), ...positionals];
  return `usage: cache-service ${words.join(" ")}`;
}

/** What `--help` of a command prints. */
export function help(spec: CommandSpec<string>): string {
  const options: [string, OptionSpec][] = [
    ...Object.entries(spec.options ?? {}),
    ["help", { about: "print this" }],
  ];
  const named = options.map(([name, { value, about }]) =>
    [`--${name}${value === undefined ? "" : ` ${value}`}`, about] as const
  );
  const width = Math.max(...named.map(([name]) => name.length));
  const lines = named.map(([name, about]) => `  ${name.padEnd(width)}  ${about}`);
  const parts = [usage(spec), spec.about, lines.join("\n"), spec.notes];
  return parts.filter((part) => part !== undefined).join("\n\n");
}

import assert from "node:assert/strict";
import { type CommandSpec, help, parseArguments, UsageError } from "./arguments.ts";

const spec: CommandSpec<"url" | "json"> = {
  name: "read",
  about: "read keys",
  positionals: ["NAMESPACE", "KEY..."],
  options: { url: { value: "URL", about: "where it is" }, json: { about: "for machines" } },
  notes: "Notes.",
  run: () => 0,
};

function parse(...words: string[]): Exclude<ReturnType<typeof parseArguments>, "help"> {
  const args = parseArguments(spec, words);
  assert(args !== "help");
  return args;
}

Deno.test("options and positionals may stand in any order, and -- ends the options", () => {
  const args = parse("ns", "--url=http://a", "k", "--json", "--", "--k2");
  assert.deepEqual(args.positionals, ["ns", "k", "--k2"]);
  assert.equal(args.value("url"), "http://a");
  assert.equal(args.has("json"), true);
  const bare = parse("ns", "k");
  assert.deepEqual([bare.value("url"), bare.values("url"), bare.has("json")], [
    undefined,
    [],
    false,
  ]);
});

Deno.test("an option given twice has several values, and no single one", () => {
  const args = parse("ns", "k", "--url", "a", "--url", "b");
  assert.deepEqual(args.values("url"), ["a", "b"]);
  assert.throws(() => args.value("url"), {
    name: "UsageError",
    message: "--url was given more than once.",
  });
});

Deno.test("what does not fit is a usage error that tells the fault", () => {
  const cases: [string[], RegExp][] = [
    [["ns"], /^read takes NAMESPACE KEY\.\.\.; 1 was given\.$/],
    [[], /; 0 were given\.$/],
    [["ns", "k", "--jsno"], /^Unknown option '--jsno'\.$/],
    [["ns", "k", "--url"], /--url/],
    [["ns", "k", "--url", "--json"], /^Option '--url.*' argument is ambiguous\.$/],
    [["ns", "k", "--json=yes"], /^Option '--json' does not take an argument\.$/],
  ];
  for (const [words, message] of cases) assert.throws(() => parse(...words), { message });
  assert.throws(() => parse(), UsageError);
});

Deno.test("a command takes as many positionals as its help says", () => {
  const takes = (positionals: string[], count: number): boolean => {
    try {
      parseArguments({ name: "c", about: "", positionals, run: () => 0 }, Array(count).fill("x"));
      return true;
    } catch {
      return false;
    }
  };
  assert.deepEqual([0, 1].map((count) => takes([], count)), [true, false]);
  assert.deepEqual([0, 1, 2].map((count) => takes(["[URL]"], count)), [true, true, false]);
  assert.deepEqual([1, 2, 9].map((count) => takes(["N", "K..."], count)), [false, true, true]);
});

Deno.test("help names everything, also where the rest does not fit", () => {
  assert.equal(parseArguments(spec, ["--help"]), "help");
  assert.equal(parseArguments(spec, ["-h", "ns"]), "help");
  assert.equal(
    help(spec),
    `usage: cache-service read [OPTIONS] NAMESPACE KEY...

read keys

  --url URL  where it is
  --json     for machines
  --help     print this

Notes.`,
  );
});

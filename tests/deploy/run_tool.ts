import assert from "node:assert/strict";

/** Runs a program, with `input` as its standard input; its output, or a failure with what it says. */
export async function runTool(
  command: readonly [program: string, ...args: string[]],
  input = "",
): Promise<string> {
  const [program, ...args] = command;
  const child = new Deno.Command(program, {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { success, stdout, stderr } = await output;
  const text = new TextDecoder();
  assert(success, `${command.join(" ")}: ${text.decode(stdout)}${text.decode(stderr)}`);
  return text.decode(stdout);
}

const TO_JSON =
  "import json, sys, yaml; json.dump(list(yaml.safe_load_all(sys.stdin)), sys.stdout)";

/** What the tests that read YAML need: Python with PyYAML, as .ci/run installs it. */
export const YAML_NEEDS = ["yaml-python"];

/** The documents of a YAML text. */
export async function parseYaml<T>(text: string): Promise<T[]> {
  return JSON.parse(await runTool(["yaml-python", "-c", TO_JSON], text));
}

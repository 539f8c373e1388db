/**
 * Generates the types of the messages and services below proto/ for `src/grpc`. Run it after a
 * change of a proto file: `deno run --allow-all tests/grpc/generate_types.ts`.
 */

const ROOT = new URL("../../", import.meta.url);
const FILES = ["cache/v1/cache.proto", "grpc/health/v1/health.proto"];

/** Writes the types into `folder`; rejects with the generator's own words when it fails. */
export async function generateTypes(folder: string): Promise<void> {
  const { imports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const generator = `${imports["@grpc/proto-loader"]}/build/bin/proto-loader-gen-types.js`;
  // `--longs` and `--defaults` fit what src/grpc/codec.ts delivers.
  const options = ["--longs=Number", "--defaults", "--importFileExtension=.ts"];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--allow-all", generator, ...FILES],
      ...[...options, `--outDir=${folder}`, "--includeDirs", "proto"],
    ],
    cwd: ROOT,
    stdin: "null",
    stdout: "null",
  }).output();
  if (!success) {
    throw new Error(`generating the types failed: ${new TextDecoder().decode(stderr)}`);
  }
}

if (import.meta.main) await generateTypes("src/grpc/generated");

import protobuf from "protobufjs";

const FILES = ["cache/v1/cache.proto", "grpc/health/v1/health.proto"];

/**
 * Reads the proto files of this program, also those embedded in a compiled one; throws where one
 * is missing. `keepCase` keeps the field names of the files, else they become camelCase.
 */
export function loadSchema(options: { readonly keepCase: boolean }): protobuf.Root {
  const root = new protobuf.Root();
  for (const file of FILES) {
    // Two folders up from here, and from the bundle that is compiled.
    const url = new URL(`../../proto/${file}`, import.meta.url);
    protobuf.parse(Deno.readTextFileSync(url), root, options);
  }
  root.resolveAll();
  return root;
}

import protobuf from "protobufjs";

/** What is always served. */
const FILES = ["cache/v1/cache.proto", "grpc/health/v1/health.proto"];
export const REFLECTION_FILE = "grpc/reflection/v1/reflection.proto";

/**
 * Reads proto files of this program, also those embedded in a compiled one; throws where one is
 * missing. `keepCase` keeps the field names of the files, else they become camelCase; `also` names
 * files besides those of what is always served.
 */
export function loadSchema(
  { also = [], ...options }: { readonly keepCase: boolean; readonly also?: readonly string[] },
): protobuf.Root {
  const root = new protobuf.Root();
  for (const file of [...FILES, ...also]) {
    // Two folders up from here, and from the bundle that is compiled.
    const url = new URL(`../../proto/${file}`, import.meta.url);
    protobuf.parse(Deno.readTextFileSync(url), root, options);
  }
  root.resolveAll();
  return root;
}

import { fileURLToPath } from "node:url";
import { startService } from "./servers.ts";

const COMPILED = fileURLToPath(new URL("../dist/cache-service", import.meta.url));

/** The compiled program, as it says of itself and as it was seen to be. */
export interface Binary {
  readonly bytes: number;
  readonly commit: string;
  /** The version of Deno that it carries. */
  readonly deno: string;
  readonly servesGrpc: boolean;
}

/** Where the compiled program is, if there is one; throws where `given` names none. */
export function findBinary(given: string | undefined): string | undefined {
  try {
    return Deno.realPathSync(given ?? COMPILED);
  } catch (cause) {
    if (given === undefined) return undefined;
    throw new Error(`--binary takes a compiled program; got ${given}`, { cause });
  }
}

/** Runs the binary for its description. */
export async function describeBinary(path: string): Promise<Binary> {
  const { stdout } = await new Deno.Command(path, { args: ["version", "--json"] }).output();
  const { commit = "unknown", deno } = JSON.parse(new TextDecoder().decode(stdout));
  const { size } = await Deno.stat(path);
  return { bytes: size, commit, deno, servesGrpc: await servesGrpc(path) };
}

async function servesGrpc(binary: string): Promise<boolean> {
  await using server = await startService("grpc", { binary });
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port: server.port })).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    throw error;
  }
}

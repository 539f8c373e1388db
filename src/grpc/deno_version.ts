const ABORTING: ReadonlySet<string> = new Set(["2.9.4", "2.9.5", "2.9.6", "2.9.8"]);

/**
 * Whether this version of Deno aborts the process under gRPC load as connections close
 * (denoland/deno#36788).
 */
export function abortsUnderGrpc(denoVersion: string): boolean {
  return ABORTING.has(denoVersion);
}

const ABORTING: ReadonlySet<string> = new Set(["2.9.4", "2.9.5", "2.9.6", "2.9.8"]);

/**
 * Whether this version of Deno aborts the process under gRPC load as connections close
 * (denoland/deno#36788).
 */
export function abortsUnderGrpc(denoVersion: string): boolean {
  return ABORTING.has(denoVersion);
}

/** Whether `node:http2` of this version of Deno can serve grpc-js: up to 2.6 calls hang in it. */
export function canServeGrpc(denoVersion: string): boolean {
  const [major = 0, minor = 0] = denoVersion.split(".").map(Number);
  return major > 2 || (major === 2 && minor >= 7);
}

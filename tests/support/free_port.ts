const LOWEST = 10_000;
// Below Linux's range for outgoing connections, which would otherwise take a port just chosen;
// 10,000 below its end, so that a Redis Cluster's bus port is outside that range too.
const HIGHEST = 21_999;
const ATTEMPTS = 200;
/** `fetch` refuses it (https://fetch.spec.whatwg.org/#port-blocking), the only one of the range. */
const BLOCKED = 10_080;

function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}

/**
 * A TCP port from 10,000 to 21,999 that nothing listens on at 127.0.0.1, nor on the ports `also`
 * above it. Another process may still take it first: a launcher tries again with another one.
 */
export function freePort(options: { readonly also?: readonly number[] } = {}): number {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST + 1));
    if (port === BLOCKED) continue;
    if ([0, ...options.also ?? []].every((distance) => isFree(port + distance))) return port;
  }
  throw new Error(`found no free port between ${LOWEST} and ${HIGHEST} in ${ATTEMPTS} attempts`);
}

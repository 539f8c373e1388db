import { tmpdir } from "node:os";

const LOWEST = 10_000;
// Below Linux's range for outgoing connections, which would otherwise take a port just chosen;
// 10,000 below its end, so that a Redis Cluster's bus port is outside that range too.
const HIGHEST = 21_999;
const ATTEMPTS = 200;
/** `fetch` refuses it (https://fetch.spec.whatwg.org/#port-blocking), the only one of the range. */
const BLOCKED = 10_080;
/** Has a file for each port that a test file which still runs has chosen. */
const CHOSEN = `${tmpdir()}/cache-service-test-ports`;

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
 * Whether nobody else has chosen `port`. Test files run side by side, and between choosing a port
 * and listening on it lies the start of a program.
 */
function choose(port: number): boolean {
  const file = `${CHOSEN}/${port}`;
  Deno.mkdirSync(CHOSEN, { recursive: true });
  try {
    Deno.openSync(file, { write: true, createNew: true }).close();
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw error;
  }
  globalThis.addEventListener("unload", () => Deno.removeSync(file));
  return true;
}

/**
 * A TCP port from 10,000 to 21,999 that nothing listens on at 127.0.0.1, nor on the ports `also`
 * above it, and that no other test file has chosen. Another process may still take it first: a
 * launcher tries again with another one.
 */
export function freePort(options: { readonly also?: readonly number[] } = {}): number {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST + 1));
    if (port === BLOCKED) continue;
    if (![0, ...options.also ?? []].every((distance) => isFree(port + distance))) continue;
    if (choose(port)) return port;
  }
  throw new Error(`found no free port between ${LOWEST} and ${HIGHEST} in ${ATTEMPTS} attempts`);
}

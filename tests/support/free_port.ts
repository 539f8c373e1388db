import { existsSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";

const LOWEST = 10_000;
// Below Linux's range for outgoing connections, which would otherwise take a port just chosen;
// 10,000 below its end, so that a Redis Cluster's bus port is outside that range too.
const HIGHEST = 21_999;
const ATTEMPTS = 200;
/** `fetch` refuses it (https://fetch.spec.whatwg.org/#port-blocking), the only one of the range. */
const BLOCKED = 10_080;
/** Has a file for each port that a test file has chosen, with the process that runs it. */
const CHOSEN = `${tmpdir()}/cache-service-test-ports-${Deno.uid()}`;

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
  if (wasForgotten(file)) rmSync(file, { force: true });
  try {
    Deno.writeTextFileSync(file, `${Deno.pid}`, { createNew: true });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw error;
  }
  globalThis.addEventListener("unload", () => rmSync(file, { force: true }));
  return true;
}

/** Whether the process that has chosen a port was ended before it could say that it is done. */
function wasForgotten(file: string): boolean {
  try {
    const pid = Deno.readTextFileSync(file);
    if (pid === "") return false;
    Deno.statSync(`/proc/${pid}`);
    return false;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return existsSync(file);
  }
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
    const wanted = [0, ...options.also ?? []].map((distance) => port + distance);
    // Chosen first: to find out whether a port is free is to take it for a moment.
    if (wanted.every(choose) && wanted.every(isFree)) return port;
  }
  throw new Error(`found no free port between ${LOWEST} and ${HIGHEST} in ${ATTEMPTS} attempts`);
}

import assert from "node:assert/strict";
import { FRAME, H2Client } from "../support/h2_client.ts";

const DEADLINE_MS = 10_000;

/**
 * Sends what `make` gives for each round until the server closes the connection; returns the codes
 * of its GOAWAY frames.
 */
export async function flood(
  port: number,
  make: (round: number) => Uint8Array,
): Promise<number[]> {
  using client = await H2Client.open(port);
  const goAways: number[] = [];
  const reading = (async () => {
    for (let next = await client.read(); next !== undefined; next = await client.read()) {
      if (next.type === FRAME.goAway) goAways.push(next.code(4));
    }
  })();
  let isOpen = true;
  const closed = reading.then(() => isOpen = false);
  const startMs = performance.now();
  for (let round = 0; isOpen; round++) {
    assert.ok(performance.now() - startMs < DEADLINE_MS, "the server takes it all");
    await Promise.race([closed, client.write(make(round)).catch(() => closed)]);
  }
  return goAways;
}

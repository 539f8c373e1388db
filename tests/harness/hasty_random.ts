import type { Random } from "../../src/core/clock.ts";
import { systemRandom } from "../../src/system.ts";

/** Randomness by which pauses between attempts are at most a sixteenth of what they may be. */
export const hastyRandom: Random = {
  bytes: (length) => systemRandom.bytes(length),
  uint32: () => systemRandom.uint32() >>> 4,
};

import { z } from "zod";
import { ClientFailure } from "./client.ts";
import { EXIT } from "./exit_code.ts";

/** Reads an answer of the service, which is JSON; throws `ClientFailure` where it is another's. */
export function parseAnswer<T>(schema: z.ZodType<T>, answer: Uint8Array | string): T {
  try {
    const text = typeof answer === "string" ? answer : new TextDecoder().decode(answer);
    return schema.parse(JSON.parse(text));
  } catch {
    throw new ClientFailure("The answer is not that of a cache-service.", EXIT.failed);
  }
}

import { z } from "zod";
import { ClientFailure } from "./client.ts";
import { EXIT } from "./exit_code.ts";

/** Reads an answer of the service, which is JSON; throws `ClientFailure` where it is another's. */
export function parseAnswer<T>(schema: z.ZodType<T>, answer: Uint8Array): T {
  try {
    return schema.parse(JSON.parse(new TextDecoder().decode(answer)));
  } catch {
    throw new ClientFailure("The answer is not that of a cache-service.", EXIT.failed);
  }
}

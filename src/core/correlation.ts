import { MAX_CORRELATION_ID_LENGTH } from "./limits.ts";

const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

/**
 * The id that a call is told by in logs and answers: the received one where it is 1 to 128 visible
 * ASCII characters, else `newId()`.
 */
export function correlationId(received: string | null | undefined, newId: () => string): string {
  if (received === null || received === undefined) return newId();
  if (received.length > MAX_CORRELATION_ID_LENGTH || !VISIBLE_ASCII.test(received)) return newId();
  return received;
}

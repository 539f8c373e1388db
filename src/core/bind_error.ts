/** A server that cannot listen where it should; the message names the address and why. */
export class BindError extends Error {
  override readonly name = "BindError";
}

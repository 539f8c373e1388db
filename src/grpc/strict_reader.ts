import { type Buffer, isUtf8 } from "node:buffer";
import protobuf from "protobufjs";

const LONE_SURROGATE = "\ud800";

/** Reads what protobufjs is lax about. */
export class StrictReader extends protobuf.BufferReader {
  #readsLeft: number;

  constructor(buffer: Buffer, maxReads: number) {
    super(buffer);
    this.#readsLeft = maxReads;
  }

  /** Whether the message has more fields than it may have. */
  get isOverrun(): boolean {
    return this.#readsLeft < 0;
  }

  /**
   * Every tag and every length comes through here, so that millions of tiny fields, nested ones
   * too, end the work early instead of stopping the process for seconds.
   */
  override uint32(): number {
    if (--this.#readsLeft < 0) throw new RangeError("The message has too many fields.");
    return super.uint32();
  }

  /**
   * Ill-formed UTF-8 stays ill-formed Unicode, so that the checks of keys and namespaces refuse it
   * with their own codes; protobufjs would replace the bad bytes and cut short an overlong length.
   */
  override string(): string {
    const bytes = this.bytes();
    const text = bytes.toString();
    return text.includes("\ufffd") && !isUtf8(bytes) ? LONE_SURROGATE : text;
  }

  /** A number; one that does not fit is rounded, and stays far outside every range accepted. */
  override int64(): ReturnType<protobuf.BufferReader["int64"]> {
    return Number(super.int64()) as unknown as ReturnType<protobuf.BufferReader["int64"]>;
  }
}

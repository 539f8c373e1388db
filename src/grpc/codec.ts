import type { Buffer } from "node:buffer";
import protobuf from "protobufjs";
import type { Bytes } from "../cache/operations.ts";
import { CacheError } from "../core/errors.ts";
import { StrictReader } from "./strict_reader.ts";

/** A generated message type as the codec takes and gives it: read-only, bytes as plain bytes. */
export type Wire<Generated> = {
  readonly [Field in keyof Generated]: Generated[Field] extends Uint8Array ? Bytes
    : Generated[Field] extends Record<string, Uint8Array> ? Readonly<Record<string, Bytes>>
    : Generated[Field] extends (infer Item)[] ? readonly Item[]
    : Generated[Field];
};

/** A request and its size on the wire; an error where it could not be decoded. */
export type Decoded<Request> =
  | { readonly message: Request; readonly bytes: number }
  | CacheError;

/** How the messages of one method are read and written. */
export interface MethodCodec<Request, Response> {
  /** Such as `/cache.v1.CacheService/Get`. */
  readonly path: string;
  decode(buffer: Buffer): Decoded<Request>;
  encode(response: Response): Buffer;
}

const NO_BYTES: Bytes = new Uint8Array(0);

/** Tags, lengths and numbers that an entry of a map takes, and a few more. */
const READS_PER_ITEM = 8;
/** Those of all other fields, with room for unknown ones. */
const OTHER_READS = 1000;

/**
 * The codec of one method of a schema read with `keepCase: false`. A request with far more than
 * `maxBatchKeys` items (0 by default) is refused before they are read; the exact limit is for who
 * takes the message.
 */
export function methodCodec<Request, Response>(
  schema: protobuf.Root,
  method: { readonly service: string; readonly name: string; readonly maxBatchKeys?: number },
): MethodCodec<Request, Response> {
  const service = schema.lookupService(method.service);
  const { resolvedRequestType, resolvedResponseType } = service.get(method.name) as protobuf.Method;
  if (resolvedRequestType === null || resolvedResponseType === null) {
    throw new Error(`The messages of ${method.service}/${method.name} are not in the schema.`);
  }
  const defaults = plainDefaults(resolvedRequestType);
  const isBatch = resolvedRequestType.fieldsArray.some(({ map, repeated }) => map || repeated);
  const { maxBatchKeys = 0 } = method;
  const maxReads = OTHER_READS + (isBatch ? READS_PER_ITEM * maxBatchKeys : 0);
  return {
    path: `/${method.service}/${method.name}`,
    decode(buffer: Buffer): Decoded<Request> {
      const reader = new StrictReader(buffer, maxReads);
      try {
        const fields = resolvedRequestType.decode(reader);
        return { message: { ...defaults, ...fields } as Request, bytes: buffer.length };
      } catch (error) {
        if (isBatch && reader.isOverrun) {
          return new CacheError(
            "batch_too_large",
            `A batch has at most ${maxBatchKeys} keys; this one has more fields than they take.`,
          );
        }
        return new CacheError(
          "invalid_request",
          `The request of ${buffer.length} bytes is not a ${resolvedRequestType.name}.`,
          { cause: error },
        );
      }
    },
    encode(response: Response): Buffer {
      const writer = new protobuf.BufferWriter();
      resolvedResponseType.encode(response as Record<string, unknown>, writer);
      return writer.finish() as Buffer;
    },
  };
}

/** The entries of a decoded map; a key such as `__proto__` is an entry like any other. */
export function entriesOf(map: Readonly<Record<string, Bytes>>): Map<string, Bytes> {
  const entries = new Map(Object.entries(map));
  // protobufjs delivers a plain array for an entry whose value is absent, which means empty.
  for (const [key, value] of entries) if (value.length === 0) entries.set(key, NO_BYTES);
  return entries;
}

/** What absent fields mean; protobufjs says `[]` for bytes and a Long for int64. */
function plainDefaults(type: protobuf.Type): Readonly<Record<string, unknown>> {
  return Object.fromEntries(type.fieldsArray.map((field) => {
    const single = !field.map && !field.repeated;
    if (single && field.type === "bytes") return [field.name, NO_BYTES];
    if (single && field.type === "int64") return [field.name, 0];
    return [field.name, field.defaultValue];
  }));
}

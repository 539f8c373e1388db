import { Buffer } from "node:buffer";
import type grpc from "@grpc/grpc-js";
import { fromJSON, type PackageDefinition } from "@grpc/proto-loader";
import { ReflectionV1Implementation } from "@grpc/reflection/build/src/implementations/reflection-v1.js";
import protobuf from "protobufjs";
import descriptor, {
  type IDescriptorProto,
  type IFileDescriptorProto,
} from "protobufjs/ext/descriptor/index.js";
import { CacheError } from "../core/errors.ts";
import { errorStatus } from "./call_envelope.ts";
import { loadSchema, REFLECTION_FILE } from "./schema.ts";
import { StrictReader } from "./strict_reader.ts";

type Request = Parameters<ReflectionV1Implementation["handleServerReflectionRequest"]>[0];
type Response = ReturnType<ReflectionV1Implementation["handleServerReflectionRequest"]>;

/** Both have the same messages; older clients know the second name only. */
const SERVICES = [
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
];
/** Tags, lengths and numbers of a request; real ones have ten at most. */
const MAX_READS = 1000;

/**
 * Lets clients such as grpcurl ask `server` for its services and messages. The package's own service
 * would read a proto file out of the package, which a compiled program does not have.
 */
export function addReflection(server: grpc.Server): void {
  const also = [REFLECTION_FILE];
  // Clients expect the field names as the files have them.
  const definitions = fromJSON(loadSchema({ keepCase: true, also }).toJSON());
  const reflection = new ReflectionV1Implementation(withNamedMapEntries(definitions));
  const schema = loadSchema({ keepCase: false, also });
  const { decode, encode } = messageCodec(schema);
  for (const service of SERVICES) {
    const path = `/${service}/ServerReflectionInfo`;
    server.register(path, reflectionRpc(reflection), encode, decode, "bidi");
  }
}

function messageCodec(schema: protobuf.Root): {
  decode(buffer: Buffer): Request | CacheError;
  encode(response: Response): Buffer;
} {
  const request = schema.lookupType("grpc.reflection.v1.ServerReflectionRequest");
  const response = schema.lookupType("grpc.reflection.v1.ServerReflectionResponse");
  return {
    decode(buffer): Request | CacheError {
      try {
        const message = request.decode(new StrictReader(buffer, MAX_READS));
        return request.toObject(message, { oneofs: true });
      } catch (cause) {
        const detail = `The request of ${buffer.length} bytes is not a ${request.name}.`;
        return new CacheError("invalid_request", detail, { cause });
      }
    },
    encode: (answer) => Buffer.from(response.encode(response.fromObject(answer)).finish()),
  };
}

function reflectionRpc(
  reflection: ReflectionV1Implementation,
): grpc.handleBidiStreamingCall<Request | CacheError, Response> {
  return (call) => {
    call.on("data", (request: Request | CacheError) => {
      if (request instanceof CacheError) {
        // What comes after it must not be written to a call that has ended.
        call.removeAllListeners("data");
        call.emit("error", errorStatus(request));
        return;
      }
      if (call.write(reflection.handleServerReflectionRequest(request))) return;
      call.pause();
      call.once("drain", () => call.resume());
    });
    call.on("end", () => call.end());
  };
}

/**
 * protobufjs names the message behind a map field `Values`, the protocol demands `ValuesEntry`, and
 * clients in Go refuse the whole file.
 */
function withNamedMapEntries(definitions: PackageDefinition): PackageDefinition {
  return Object.fromEntries(
    Object.entries(definitions).map(([name, definition]) => {
      const files = definition.fileDescriptorProtos;
      if (!Array.isArray(files)) return [name, definition];
      return [name, { ...definition, fileDescriptorProtos: files.map(renameMapEntries) }];
    }),
  );
}

function renameMapEntries(encoded: Buffer): Buffer {
  const file = descriptor.FileDescriptorProto.decode(encoded);
  for (const message of (file as IFileDescriptorProto).messageType ?? []) renameIn(message);
  return Buffer.from(descriptor.FileDescriptorProto.encode(file).finish());
}

function renameIn(message: IDescriptorProto): void {
  for (const nested of message.nestedType ?? []) {
    renameIn(nested);
    if (!nested.options?.mapEntry) continue;
    const name = `${nested.name}Entry`;
    for (const field of message.field ?? []) {
      if (field.typeName === nested.name) field.typeName = name;
    }
    nested.name = name;
  }
}

import { Buffer } from "node:buffer";
import type grpc from "@grpc/grpc-js";
import { fromJSON, type PackageDefinition } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import descriptor, {
  type IDescriptorProto,
  type IFileDescriptorProto,
} from "protobufjs/ext/descriptor/index.js";
import { loadSchema } from "./schema.ts";

/** Lets clients such as grpcurl ask `server` for its services and messages. */
export function addReflection(server: grpc.Server): void {
  // Clients expect the field names as the files have them.
  const definitions = fromJSON(loadSchema({ keepCase: true }).toJSON());
  new ReflectionService(withNamedMapEntries(definitions)).addToServer(server);
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

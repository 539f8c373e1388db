/**
 * The ceiling of gRPC: a grpc-js server whose methods answer recorded bytes, without decoding or
 * encoding a message. Arguments: port, recording (a JSON file of rpc path and base64).
 */
import { Buffer } from "node:buffer";
import grpc from "@grpc/grpc-js";

const [port = "", file = ""] = Deno.args;
const answers: Record<string, string> = JSON.parse(Deno.readTextFileSync(file));
const asIs = (bytes: Buffer): Buffer => bytes;
type Handler = grpc.handleUnaryCall<Buffer, Buffer>;
const server = new grpc.Server({ "grpc.enable_channelz": 0 });

for (const [path, base64] of Object.entries(answers)) {
  const answer = Buffer.from(base64, "base64");
  const handler: Handler = (_call, callback) => callback(null, answer);
  server.register(path, handler, asIs, asIs, "unary");
}
server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
});

import { fileURLToPath } from "node:url";
import { Client, credentials, type Metadata, status } from "@grpc/grpc-js";
import { loadSync, type MethodDefinition } from "@grpc/proto-loader";

const PROTO = fileURLToPath(new URL("../../proto/cache/v1/cache.proto", import.meta.url));
const DEADLINE_MS = 10_000;

/** A method as the loader describes it; messages have whatever type. */
type Method = MethodDefinition<object, object>;

/** All that a caller received in answer to a call. */
export interface RawGrpcAnswer {
  readonly code: number;
  /** Code, details and metadata of a refusal, or the answer, as one text. */
  readonly text: string;
}

/** Calls methods with metadata of any kind, and bytes that are no message, and shows all of the answer. */
export class RawGrpcClient {
  readonly #client: Client;
  readonly #methods: Readonly<Record<string, Method>>;

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
    });
    const definition = loadSync(PROTO, { keepCase: true })["cache.v1.CacheService"];
    this.#methods = definition as unknown as Readonly<Record<string, Method>>;
  }

  /** Resolves with any answer, a refusal included; `request` as bytes is sent as it is. */
  call(
    name: string,
    { request, metadata }: { readonly request: object; readonly metadata: Metadata },
  ): Promise<RawGrpcAnswer> {
    const method = this.#methods[name];
    if (method === undefined) throw new Error(`${name} is no method`);
    const encode = (message: object): Buffer =>
      message instanceof Uint8Array ? Buffer.from(message) : method.requestSerialize(message);
    const options = { deadline: Date.now() + DEADLINE_MS };
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(
        method.path,
        encode,
        method.responseDeserialize,
        request,
        metadata,
        options,
        (error, answer) =>
          resolve(
            error === null ? { code: status.OK, text: JSON.stringify(answer) } : {
              code: error.code,
              text: `${error.message}\n${JSON.stringify(error.metadata.toJSON())}`,
            },
          ),
      );
    });
  }

  close(): void {
    this.#client.close();
  }
}

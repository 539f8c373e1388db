import type { SecureContextOptions } from "node:tls";
import grpc from "@grpc/grpc-js";
import type { TlsFiles, TlsPair } from "../core/tls_files.ts";

/** Credentials of a TLS server that show to each new connection the pair that is current. */
export class TlsCredentials extends grpc.ServerCredentials {
  constructor(tls: TlsFiles, { handshakeTimeoutMs }: { readonly handshakeTimeoutMs: number }) {
    super({ handshakeTimeout: handshakeTimeoutMs }, contextOf(tls.current));
    tls.onChange((pair) => this.updateSecureContextOptions(contextOf(pair)));
  }

  /** The library takes its watcher back when a listener closes, also where that listens anew. */
  override _removeWatcher(): void {}

  override _equals(other: grpc.ServerCredentials): boolean {
    return this === other;
  }
}

function contextOf({ certificatePem, keyPem }: TlsPair): SecureContextOptions {
  return { cert: certificatePem, key: keyPem, minVersion: "TLSv1.2" };
}

import type { Options } from "amqplib";
import { hostPort } from "../core/host_port.ts";
import { Secret } from "../core/secret.ts";

/** Seconds; a peer that is silent for twice as long is taken for dead (AMQP 0-9-1, section 4.2.7). */
const HEARTBEAT_SECONDS = 10;
const PLAIN_PORT = 5672;
const TLS_PORT = 5671;

/** Where a RabbitMQ is, and who connects to it. */
export interface RabbitmqAddress {
  /** `host:port`, for the log. */
  readonly label: string;
  readonly endpoint: Options.Connect;
  readonly username: string;
  readonly password: Secret;
}

/**
 * Reads `amqp://` or `amqps://` with host, and perhaps port (else 5672 or 5671), virtual host, and
 * user and password, which those of `options` replace. Throws a TypeError for anything else.
 */
export function rabbitmqAddress(
  text: string,
  options: {
    readonly username?: string;
    readonly password?: Secret;
    /** Whether TLS is used with `amqp://` as well. */
    readonly tls: boolean;
  },
): RabbitmqAddress {
  const url = URL.parse(text);
  if (url === null || !/^amqps?:$/.test(url.protocol) || url.hostname === "") {
    throw new TypeError("cannot read the address of RabbitMQ: not an amqp:// or amqps:// URL");
  }
  const usesTls = options.tls || url.protocol === "amqps:";
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port === "" ? (usesTls ? TLS_PORT : PLAIN_PORT) : Number(url.port);
  return {
    label: hostPort(hostname, port),
    endpoint: {
      protocol: usesTls ? "amqps" : "amqp",
      hostname,
      port,
      // Decoded by the client; empty stands for "/".
      vhost: url.pathname.slice(1),
      heartbeat: HEARTBEAT_SECONDS,
    },
    username: options.username ?? (decoded(url.username) || "guest"),
    password: options.password ?? new Secret(decoded(url.password) || "guest"),
  };
}

/** A percent sign that begins no escape stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

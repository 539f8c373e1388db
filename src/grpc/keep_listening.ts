import type { Http2Server } from "node:http2";
import net from "node:net";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/telemetry.ts";
import { ListenerWatch } from "../net/listener_watch.ts";

/** Has `listener`, which is bound, listen anew when it accepts nothing; close the watch before it. */
export function keepListening(
  listener: Http2Server,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): ListenerWatch {
  const address = listener.address();
  if (address === null || typeof address === "string") {
    throw new TypeError("The listener is not bound to a port.");
  }
  const { address: host, port } = address;
  // Without a listener an error would end the process; the watch sees what comes of it.
  listener.on("error", () => {});
  const onDeaf = (): void => {
    logger.error("gRPC cannot accept connections; it tries again.");
    // Not the method of the HTTP/2 server, which closes what is open too.
    net.Server.prototype.close.call(listener);
    listener.listen({ host, port });
  };
  return new ListenerWatch(listener, { host, port, clock, onDeaf });
}

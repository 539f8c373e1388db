import type { EventHandler } from "../core/bus.ts";
import { CacheError, isStoreOutage } from "../core/errors.ts";
import { failureFields } from "../core/failure_fields.ts";
import type { LogFields, Meter } from "../core/telemetry.ts";
import { type DeadLetter, decodeEvent, type EventLimits, isEvent } from "./codec.ts";
import type { QuietLog } from "./quiet_log.ts";

/** The most messages of a subscription that are taken and not yet acknowledged. */
export const MAX_IN_FLIGHT = 16;

/** Headers of a dead letter that say why it is one. */
export const DEAD_REASON_HEADER = "x-dead-reason";
export const DEAD_DETAIL_HEADER = "x-dead-detail";

const NO_BODY = new Uint8Array(0);

/**
 * What the broker is to be told: `acknowledge` that the message is done with, or bring it `again`
 * after a pause.
 */
export type Verdict = "acknowledge" | "again";

/**
 * Puts a message among the dead letters; resolves when the broker has it there. `body` is the message
 * as it came, and empty where that was larger than any event: its size stands in the detail.
 */
export type Bury = (body: Uint8Array, letter: DeadLetter) => Promise<void>;

export interface DeliveryParts {
  readonly limits: EventLimits;
  readonly meter: Pick<Meter, "invalidationEvent">;
  readonly log: QuietLog;
  readonly bury: Bury | undefined;
}

/**
 * Hands one message of a broker to `handler`, and says what is to become of it: what was carried out
 * and what is dead is done with; where the store is away, or the dead letter did not arrive, it has to
 * come again. Without `bury` somebody else buries, and what is dead is done with. Never rejects. Dead and retried events are counted here, applied ones by the handler.
 */
export async function deliver(
  message: Uint8Array,
  parts: DeliveryParts & { readonly handler: EventHandler },
): Promise<Verdict> {
  const { limits, meter, log, handler } = parts;
  const decoded = decodeEvent(message, limits);
  if (!isEvent(decoded)) return await buried(message, { letter: decoded, fields: {}, parts });
  try {
    await handler(decoded);
    return "acknowledge";
  } catch (error) {
    const fields = failureFields(error);
    if (!isStoreOutage(error)) {
      return await buried(message, { letter: refusal(error), fields, parts });
    }
    meter.invalidationEvent(decoded.action, "retried");
    log.warn("Invalidation events wait until the store is back.", { ...fields, reason: "store" });
    return "again";
  }
}

function refusal(error: unknown): DeadLetter {
  const code = error instanceof CacheError ? error.code : "internal";
  return { reason: "refused", detail: `The event could not be carried out (${code}).` };
}

async function buried(
  message: Uint8Array,
  { letter, fields, parts: { bury, meter, log } }: {
    readonly letter: DeadLetter;
    readonly fields: LogFields;
    readonly parts: DeliveryParts;
  },
): Promise<Verdict> {
  const { reason, detail } = letter;
  if (bury === undefined) return "acknowledge";
  try {
    await bury(reason === "too_large" ? NO_BODY : message, letter);
  } catch (error) {
    log.warn("A dead letter did not reach the broker; its message stays unacknowledged.", {
      ...failureFields(error),
      reason,
    });
    return "again";
  }
  meter.invalidationEvent("unknown", "dead");
  log.warn("An invalidation event went to the dead letters.", { ...fields, reason, detail });
  return "acknowledge";
}

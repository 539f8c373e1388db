import type { Operation, Policy } from "../core/principal.ts";
import type { Logger, Meter } from "../core/telemetry.ts";
import type { Call } from "./call.ts";

/** What a caller wants to do; without a namespace, to the process. */
export interface Wanted {
  readonly operation: Operation;
  readonly namespace?: string;
}

/** Throws `forbidden` where the policy denies it to the caller; that is counted, and logged. */
export function admit(
  { principal, record }: Call,
  wanted: Wanted,
  { policy, logger, meter }: {
    readonly policy: Policy;
    readonly logger: Logger;
    readonly meter: Meter;
  },
): void {
  const { namespace, operation } = wanted;
  const denial = policy.denial(principal, wanted);
  if (denial === undefined) return;
  meter.authFailure("forbidden");
  logger.warn("A call was denied.", {
    correlation_id: record.correlationId,
    subject: principal.subject,
    namespace,
    operation,
    reason: denial.message,
  });
  throw denial;
}

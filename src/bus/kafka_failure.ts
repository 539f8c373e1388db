import { failureFields } from "../core/failure_fields.ts";
import type { LogFields } from "../core/telemetry.ts";

/** What kafkajs says of a failure, besides what every error has. */
interface KafkaFailure {
  readonly error: Error;
  /** Kafka's name for it, such as UNKNOWN_TOPIC_OR_PARTITION, where the broker answered. */
  readonly type: string | undefined;
}

/** Whether the broker answered with the error of this name (Kafka protocol, "Error Codes"). */
export function isKafkaError(error: unknown, type: string): boolean {
  return chain(error).some((failure) => failure.type === type);
}

/**
 * What the log may say of a failed connection: `reason` is `authentication`, `tls`, `connection`, or
 * Kafka's own name for it in lower case.
 */
export function kafkaFailureFields(error: unknown): LogFields & { readonly reason: string } {
  const failures = chain(error);
  if (!failures.some(({ error }) => error.name.startsWith("KafkaJS"))) {
    return { ...failureFields(error), reason: "internal" };
  }
  // kafkajs gives a wrapping error the message of the wrapped one.
  const message = [...new Set(failures.map(({ error }) => error.message))].join(": ");
  return { reason: reasonOf(failures, message), error: message };
}

function reasonOf(failures: readonly KafkaFailure[], message: string): string {
  if (failures.some(({ error }) => error.name === "KafkaJSSASLAuthenticationError")) {
    return "authentication";
  }
  if (/\b(certificate|TLS|SSL)\b/i.test(message)) return "tls";
  return failures.findLast(({ type }) => type !== undefined)?.type?.toLowerCase() ?? "connection";
}

/** The error and what caused it; kafkajs wraps the telling one. */
function chain(error: unknown): KafkaFailure[] {
  const failures: KafkaFailure[] = [];
  for (let next = error; next instanceof Error && failures.length < 5; next = next.cause) {
    const type = "type" in next && typeof next.type === "string" ? next.type : undefined;
    failures.push({ error: next, type });
    const [first] = "errors" in next && Array.isArray(next.errors) ? next.errors : [];
    if (first instanceof Error) failures.push(...chain(first));
  }
  return failures;
}

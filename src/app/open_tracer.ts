import type { Config } from "../config.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/telemetry.ts";
import type { OtelTracer } from "../telemetry/otel_tracer.ts";

/** What traces the calls; nothing where that is off. To be closed after the last call has ended. */
export async function openTracer(
  { telemetry: { tracingEnabled, tracingEndpoint } }: Config,
  ambient: { readonly version: string; readonly clock: Clock; readonly logger: Logger },
): Promise<OtelTracer | undefined> {
  if (!tracingEnabled || tracingEndpoint === undefined) return undefined;
  // OpenTelemetry takes long to load, so only who uses it waits for that.
  const { OtelTracer } = await import("../telemetry/otel_tracer.ts");
  const { env } = Deno;
  const variables = {
    OTEL_SERVICE_NAME: env.get("OTEL_SERVICE_NAME"),
    OTEL_RESOURCE_ATTRIBUTES: env.get("OTEL_RESOURCE_ATTRIBUTES"),
    OTEL_TRACES_SAMPLER: env.get("OTEL_TRACES_SAMPLER"),
    OTEL_TRACES_SAMPLER_ARG: env.get("OTEL_TRACES_SAMPLER_ARG"),
  };
  return OtelTracer.open({ endpoint: tracingEndpoint, variables, ...ambient });
}

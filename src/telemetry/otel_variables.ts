import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace-base";
import type { Logger } from "../core/telemetry.ts";

/**
 * Variables of the OpenTelemetry specification ("Environment Variable Specification"), as they stand
 * in the environment. One that cannot be read is warned of and counts as unset.
 */
export interface OtelVariables {
  readonly OTEL_SERVICE_NAME?: string | undefined;
  readonly OTEL_RESOURCE_ATTRIBUTES?: string | undefined;
  readonly OTEL_TRACES_SAMPLER?: string | undefined;
  readonly OTEL_TRACES_SAMPLER_ARG?: string | undefined;
}

/** The sampler that OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG name. */
export function samplerOf(variables: OtelVariables, logger: Logger): Sampler {
  const name = variables.OTEL_TRACES_SAMPLER || "parentbased_always_on";
  const [, parentBased, rule] = /^(parentbased_)?(always_on|always_off|traceidratio)$/.exec(name) ??
    [];
  const root = rule === undefined ? undefined : rootSampler(rule, { variables, logger });
  if (root === undefined) {
    const known = "always_on, always_off, traceidratio, each also after parentbased_";
    logger.warn("OTEL_TRACES_SAMPLER is not known; the default is used.", {
      known,
      got: shown(name),
      default: "parentbased_always_on",
    });
    return new ParentBasedSampler({ root: new AlwaysOnSampler() });
  }
  return parentBased === undefined ? root : new ParentBasedSampler({ root });
}

/** What spans are said to come from: OTEL_SERVICE_NAME goes before OTEL_RESOURCE_ATTRIBUTES. */
export function resourceAttributesOf(
  variables: OtelVariables,
  logger: Logger,
): Record<string, string> {
  const text = variables.OTEL_RESOURCE_ATTRIBUTES ?? "";
  const name = variables.OTEL_SERVICE_NAME;
  const attributes = parseResourceAttributes(text);
  if (attributes === undefined) {
    logger.warn("OTEL_RESOURCE_ATTRIBUTES is ignored: it is no list of key=value with commas.", {
      got: shown(text),
    });
  }
  return { ...attributes, ...(name ? { "service.name": name } : {}) };
}

function rootSampler(
  rule: string,
  { variables, logger }: { readonly variables: OtelVariables; readonly logger: Logger },
): Sampler {
  if (rule === "always_on") return new AlwaysOnSampler();
  if (rule === "always_off") return new AlwaysOffSampler();
  const argument = variables.OTEL_TRACES_SAMPLER_ARG?.trim() || "1";
  const ratio = /^\d*\.?\d+(e-?\d+)?$/i.test(argument) ? Number(argument) : NaN;
  if (ratio >= 0 && ratio <= 1) return new TraceIdRatioBasedSampler(ratio);
  logger.warn("OTEL_TRACES_SAMPLER_ARG is not a number from 0 to 1; the default is used.", {
    got: shown(argument),
    default: 1,
  });
  return new TraceIdRatioBasedSampler(1);
}

/**
 * `key1=value1,key2=value2`, where commas and equals signs inside are percent-encoded; nothing for
 * any other text ("Resource SDK", the whole variable counts or none of it).
 */
function parseResourceAttributes(text: string): Record<string, string> | undefined {
  const pairs: [string, string][] = [];
  for (const item of text.split(",")) {
    if (item.trim() === "") continue;
    const [key = "", value, ...rest] = item.split("=").map((part) => part.trim());
    if (key === "" || value === undefined || rest.length > 0) return undefined;
    try {
      pairs.push([decodeURIComponent(key), decodeURIComponent(value)]);
    } catch {
      return undefined;
    }
  }
  return Object.fromEntries(pairs);
}

function shown(text: string): string {
  return text.slice(0, 200);
}

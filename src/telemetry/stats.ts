import type { MetricObjectWithValues, MetricValue, Registry } from "prom-client";

/** What the metrics of a process come to now, by their names. */
export type Stats = Readonly<Record<string, number | Readonly<Record<string, number | Summary>>>>;

/** What a histogram tells; quantiles are upper bounds of buckets, and absent beyond the last one. */
export interface Summary {
  readonly count: number;
  readonly sum: number;
  readonly p50?: number;
  readonly p99?: number;
}

type Metric = MetricObjectWithValues<MetricValue<string>>;

/**
 * All metrics of a registry as numbers: one without labels by its name, one with labels by theirs,
 * joined by blanks.
 */
export async function statsOf(registry: Registry): Promise<Stats> {
  const metrics = await registry.getMetricsAsJSON();
  return Object.fromEntries(metrics.map((metric) => [metric.name, valuesOf(metric)]));
}

function valuesOf(metric: Metric): number | Record<string, number | Summary> {
  // As the library gives it, the type is a word, whatever its declaration says.
  if (String(metric.type) === "histogram") return summaries(metric);
  const [only] = metric.values;
  if (metric.values.length === 1 && only !== undefined && labelsOf(only) === "") return only.value;
  return Object.fromEntries(metric.values.map((value) => [labelsOf(value), value.value]));
}

function summaries({ name, values }: Metric): Record<string, Summary> {
  const series = Map.groupBy(values, labelsOf);
  return Object.fromEntries(Array.from(series, ([labels, samples]) => {
    const valueOf = (suffix: string): number =>
      samples.find((sample) => "metricName" in sample && sample.metricName === name + suffix)
        ?.value ?? 0;
    const count = valueOf("_count");
    const buckets = samples.filter(({ labels }) => "le" in labels)
      .map(({ labels, value }) => ({ bound: Number(labels.le), below: value }));
    const quantile = (share: number): number | undefined =>
      buckets.find(({ bound, below }) => Number.isFinite(bound) && below >= share * count)?.bound;
    const p50 = count === 0 ? undefined : quantile(0.5);
    const p99 = count === 0 ? undefined : quantile(0.99);
    return [labels === "" ? "all" : labels, {
      count,
      sum: valueOf("_sum"),
      ...(p50 === undefined ? {} : { p50 }),
      ...(p99 === undefined ? {} : { p99 }),
    }];
  }));
}

function labelsOf({ labels }: MetricValue<string>): string {
  return Object.entries(labels).filter(([name]) => name !== "le").map(([, value]) => value)
    .join(" ");
}

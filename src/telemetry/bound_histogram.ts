import { Histogram, type HistogramConfiguration, type MetricValueWithName } from "prom-client";

type Labels = Readonly<Record<string, string>>;
type Exposed = Awaited<ReturnType<Histogram["get"]>>;

/**
 * A histogram of which the labels are looked up once for each series. The library looks them up again,
 * sorted and joined, at each observation, which on a near hit is most of what metrics cost.
 */
export class BoundHistogram extends Histogram {
  readonly #name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  readonly #series: { readonly labels: Labels; readonly series: HistogramSeries }[] = [];

  constructor(
    config: HistogramConfiguration<string> & { readonly buckets: number[] },
  ) {
    super(config);
    this.#name = config.name;
    this.#help = config.help;
    this.#bounds = config.buckets;
  }

  /** A new series; to be called once for each set of labels. */
  bind(labels: Labels = {}): HistogramSeries {
    const series = new HistogramSeries(this.#bounds);
    this.#series.push({ labels, series });
    return series;
  }

  override get(): Promise<Exposed> {
    const values = this.#series.flatMap(({ labels, series }) => this.#exposed(labels, series));
    const exposed: unknown = {
      name: this.#name,
      help: this.#help,
      type: "histogram",
      values,
      aggregator: "sum",
    };
    // The library declares that types of metrics are numbers, and uses words.
    return Promise.resolve(exposed as Exposed);
  }

  /** What the library exposes, which its declarations do not tell. */
  getForPromString(): Promise<Exposed> {
    return this.get();
  }

  #exposed(labels: Labels, series: HistogramSeries): MetricValueWithName<string>[] {
    const metricName = `${this.#name}_bucket`;
    let below = 0;
    const buckets = this.#bounds.map((bound, i) => {
      below += series.counts[i] ?? 0;
      return { metricName, labels: { ...labels, le: bound }, value: below };
    });
    return [
      ...buckets,
      { metricName, labels: { ...labels, le: "+Inf" }, value: series.count },
      { metricName: `${this.#name}_sum`, labels, value: series.sum },
      { metricName: `${this.#name}_count`, labels, value: series.count },
    ];
  }
}

/** One series of a histogram. */
export class HistogramSeries {
  /** Observations by bucket; those above the last bound are in none. */
  readonly counts: Float64Array;
  sum = 0;
  count = 0;
  readonly #bounds: readonly number[];

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = new Float64Array(bounds.length);
  }

  observe(value: number): void {
    this.sum += value;
    this.count++;
    for (let i = 0; i < this.#bounds.length; i++) {
      if (value <= (this.#bounds[i] ?? Infinity)) {
        this.counts[i] = (this.counts[i] ?? 0) + 1;
        return;
      }
    }
  }
}

import { Counter, Gauge, Registry } from "prom-client";
import type { OperationRecord } from "../core/operation_record.ts";
import type { Meter } from "../core/telemetry.ts";
import { BoundHistogram, type HistogramSeries } from "./bound_histogram.ts";
import { registerProcessMetrics } from "./process_metrics.ts";
import { type Stats, statsOf } from "./stats.ts";

/** From 50 µs to 5 s. */
const LATENCY_BUCKETS = [
  ...[0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025],
  ...[0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
];
const LAG_BUCKETS = [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];

/** What is read at each scrape. */
export interface Gauges {
  /** Of the near cache, or of the memory backend. */
  readonly memoryBytes: () => number;
  readonly localEntries: () => number;
  readonly isDegraded: () => boolean;
  /** How many nodes of Redis have a breaker in each state. */
  readonly breakers: () => Readonly<Record<string, number>>;
  readonly journalEntries: () => number;
  readonly journalBytes: () => number;
  readonly isTracking: () => boolean;
  readonly droppedLogLines: () => number;
}

/** Counts for Prometheus, under the names of docs/operating.md. */
export class PrometheusMeter implements Meter {
  readonly #registry = new Registry();
  readonly #evictions = this.#counter("cache_eviction_total", {
    help: "Entries that left local memory other than by being replaced, by reason.",
    label: "reason",
    values: ["size", "expired", "invalidated"],
  });
  readonly #transitions = this.#counter("cache_breaker_transitions_total", {
    help: "Changes of a node's breaker, by the state it changed to.",
    label: "to",
    values: ["closed", "open", "half-open"],
  });
  readonly #journalWrites = this.#counter("cache_journal_writes_total", {
    help: "Writes that Redis was owed and what became of them; refused: the journal was full.",
    label: "outcome",
    values: ["replayed", "superseded", "expired", "refused"],
  });
  readonly #invalidations = this.#counter("cache_tracking_invalidations_total", {
    help: "Changes of entries that Redis reported.",
  });
  readonly #stampedes = this.#counter("cache_stampede_saved_total", {
    help: "Reads that joined another read of their key.",
  });
  readonly #decryptionFailures = this.#counter("cache_decryption_failures_total", {
    help: "Stored values that could not be opened.",
  });
  readonly #authFailures = this.#counter("cache_auth_failures_total", {
    help: "Calls refused for who made them, by reason.",
    label: "reason",
  });
  readonly #events = new Counter({
    name: "cache_invalidation_events_total",
    help: "Invalidation events received, by action and outcome.",
    labelNames: ["action", "outcome"],
    registers: [this.#registry],
  });
  readonly #lag = this.#histogram("cache_invalidation_lag_seconds", {
    help: "From an invalidation event's time to its being carried out.",
    labels: [],
    buckets: LAG_BUCKETS,
  });
  readonly #latency = this.#histogram("cache_latency_seconds", {
    help: "Operations on the cache, from their arrival to their answer.",
    labels: ["operation"],
  });
  readonly #http = this.#histogram("http_server_request_duration_seconds", {
    help: "REST requests, by route, method and status.",
    labels: ["route", "method", "status"],
  });
  readonly #rpc = this.#histogram("rpc_server_duration_seconds", {
    help: "gRPC calls, by method and status.",
    labels: ["method", "code"],
  });
  readonly #lagSeries = this.#lag.bind();
  readonly #latencyOf = new Map<string, HistogramSeries>();
  readonly #httpOf = new Map<string, HistogramSeries>();
  readonly #rpcOf = new Map<string, HistogramSeries>();
  #localHits = 0;
  #redisHits = 0;
  #misses = 0;

  constructor() {
    // A series that begins with its first event would hide that one from `increase`.
    this.#events.labels("unknown", "dead").inc(0);
    for (const action of ["delete", "update"]) {
      for (const outcome of ["applied", "retried"]) this.#events.labels(action, outcome).inc(0);
    }
    this.#totals("cache_hit_total", {
      help: "Keys that were found, by where.",
      values:
        () => [[{ source: "redis" }, this.#redisHits], [{ source: "local" }, this.#localHits]],
    });
    this.#totals("cache_miss_total", {
      help: "Keys that were not found.",
      values: () => [[{}, this.#misses]],
    });
    registerProcessMetrics(this.#registry);
  }

  operation(record: OperationRecord, seconds: number): void {
    const { operation, localHits, hitsOfRedis, misses } = record;
    this.#localHits += localHits;
    this.#redisHits += hitsOfRedis;
    this.#misses += misses;
    let latency = this.#latencyOf.get(operation);
    if (latency === undefined) {
      latency = this.#latency.bind({ operation });
      this.#latencyOf.set(operation, latency);
    }
    latency.observe(seconds);
  }

  httpRequest(
    { route, method, status }: {
      readonly route: string;
      readonly method: string;
      readonly status: number;
    },
    seconds: number,
  ): void {
    const id = `${status} ${method} ${route}`;
    let duration = this.#httpOf.get(id);
    if (duration === undefined) {
      duration = this.#http.bind({ route, method, status: `${status}` });
      this.#httpOf.set(id, duration);
    }
    duration.observe(seconds);
  }

  rpc({ method, code }: { readonly method: string; readonly code: string }, seconds: number): void {
    const id = `${code} ${method}`;
    let duration = this.#rpcOf.get(id);
    if (duration === undefined) {
      duration = this.#rpc.bind({ method, code });
      this.#rpcOf.set(id, duration);
    }
    duration.observe(seconds);
  }

  authFailure(reason: string): void {
    this.#authFailures.labels(reason).inc();
  }

  decryptionFailure(): void {
    this.#decryptionFailures.inc();
  }

  invalidationEvent(action: string, outcome: string): void {
    this.#events.labels(action, outcome).inc();
  }

  invalidationLag(seconds: number): void {
    this.#lagSeries.observe(seconds);
  }

  eviction(reason: string, entries: number): void {
    this.#evictions.labels(reason).inc(entries);
  }

  journalWrite(outcome: string): void {
    this.#journalWrites.labels(outcome).inc();
  }

  breakerTransition(to: string): void {
    this.#transitions.labels(to).inc();
  }

  stampedeSaved(): void {
    this.#stampedes.inc();
  }

  trackingInvalidation(): void {
    this.#invalidations.inc();
  }

  /** Shows from now on, at each scrape, what `gauges` give. */
  watch(gauges: Gauges): void {
    this.#gauge("cache_memory_usage_bytes", "Local memory that entries take.", gauges.memoryBytes);
    this.#gauge("cache_local_entries", "Entries in local memory.", gauges.localEntries);
    this.#gauge(
      "cache_degraded",
      "1 while answers are degraded.",
      () => Number(gauges.isDegraded()),
    );
    this.#gauge("cache_journal_entries", "Writes that Redis is owed.", gauges.journalEntries);
    this.#gauge("cache_journal_bytes", "Bytes of writes that Redis is owed.", gauges.journalBytes);
    this.#gauge(
      "cache_tracking_connected",
      "1 while Redis reports changes of entries.",
      () => Number(gauges.isTracking()),
    );
    const { breakers, droppedLogLines } = gauges;
    new Gauge({
      name: "cache_breaker_state",
      help: "Nodes of Redis by the state of their breaker.",
      labelNames: ["state"],
      registers: [this.#registry],
      collect(): void {
        for (const [state, nodes] of Object.entries(breakers())) this.set({ state }, nodes);
      },
    });
    this.#totals("cache_log_dropped_total", {
      help: "Log lines that were dropped because nobody took them.",
      values: () => [[{}, droppedLogLines()]],
    });
  }

  /** The type of what `exposition` gives. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All metrics in Prometheus' text format. */
  exposition(): Promise<string> {
    return this.#registry.metrics();
  }

  /** All metrics as numbers. */
  stats(): Promise<Stats> {
    return statsOf(this.#registry);
  }

  /** A counter that shows each of `values` from the start. */
  #counter(
    name: string,
    { help, label, values = [] }: {
      readonly help: string;
      readonly label?: string;
      readonly values?: readonly string[];
    },
  ): Counter {
    const labelNames = label === undefined ? [] : [label];
    const counter = new Counter({ name, help, labelNames, registers: [this.#registry] });
    for (const value of values) counter.labels(value).inc(0);
    return counter;
  }

  /** A counter that is counted elsewhere. */
  #totals(
    name: string,
    { help, values }: {
      readonly help: string;
      readonly values: () => readonly (readonly [Record<string, string>, number])[];
    },
  ): void {
    const labelNames = values().flatMap(([labels]) => Object.keys(labels));
    new Counter({
      name,
      help,
      labelNames: [...new Set(labelNames)],
      registers: [this.#registry],
      collect(): void {
        this.reset();
        for (const [labels, value] of values()) this.inc(labels, value);
      },
    });
  }

  #histogram(
    name: string,
    { help, labels, buckets = LATENCY_BUCKETS }: {
      readonly help: string;
      readonly labels: readonly string[];
      readonly buckets?: readonly number[];
    },
  ): BoundHistogram {
    return new BoundHistogram({
      name,
      help,
      labelNames: [...labels],
      buckets: [...buckets],
      registers: [this.#registry],
    });
  }

  #gauge(name: string, help: string, value: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect(): void {
        this.set(value());
      },
    });
  }
}

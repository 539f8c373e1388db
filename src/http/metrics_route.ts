import { type Methods, methodsOf } from "./exchange.ts";

/** Gives all metrics as text. */
export interface MetricsSource {
  readonly contentType: string;
  exposition(): Promise<string>;
}

/** Where metrics are served, and what they are. */
export interface Metrics {
  readonly path: string;
  readonly source: MetricsSource;
}

/** The route that Prometheus scrapes; it asks for no token. */
export function metricsRoute({ source }: Metrics): Methods {
  return methodsOf({
    GET: async () => ({
      status: 200,
      headers: { "Content-Type": source.contentType },
      body: await source.exposition(),
    }),
  });
}

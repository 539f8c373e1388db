// deno-lint-ignore-file no-console -- it is run by hand, to be looked at
// Loads one process over both APIs for long, and watches that no call fails and no memory leaks:
//   deno run -A tests/e2e/soak.ts --seconds 60
import { parseArgs } from "node:util";
import { GrpcDriver } from "../support/grpc_driver.ts";
import { residentBytes } from "../support/resident_bytes.ts";
import { driverSteps, KeepAliveClient, restSteps, Tally } from "./load.ts";
import { memorySettings, SERVES_GRPC, ServiceProcess } from "./service_process.ts";

const REST_CONNECTIONS = 48;
const GRPC_CONNECTIONS = SERVES_GRPC ? 16 : 0;
const WARM_UP_MS = 10_000;
const SAMPLE_INTERVAL_MS = 500;
const REPORT_INTERVAL_MS = 5_000;
/** How much the memory of the last third may be above that of the first, after the warm-up. */
const MAX_GROWTH = 1.15;

/** What the process held at some moment. */
export interface Sample {
  readonly elapsedMs: number;
  readonly rssBytes: number;
  readonly requests: number;
  readonly failed: number;
}

export interface SoakResult {
  readonly requests: number;
  readonly failed: number;
  readonly failures: readonly string[];
  readonly samples: readonly Sample[];
}

/** Loads a process of its own for `seconds`; `report` hears of it every 5 s. */
export async function soak(
  { seconds, report }: { readonly seconds: number; report?(sample: Sample): void },
): Promise<SoakResult> {
  await using service = await ServiceProcess.start(memorySettings());
  using resources = new DisposableStack();
  const startedAt = performance.now();
  const elapsedMs = (): number => performance.now() - startedAt;
  const isOver = (): boolean => elapsedMs() >= seconds * 1000;
  const tally = new Tally();
  const load = [
    ...Array.from({ length: REST_CONNECTIONS }, (_, index) => {
      const { send } = resources.use(new KeepAliveClient(service.httpPort));
      return tally.repeat(restSteps(send, { client: `rest-${index}` }), isOver);
    }),
    ...Array.from({ length: GRPC_CONNECTIONS }, (_, index) => {
      const driver = resources.adopt(new GrpcDriver(service.grpcAddress), (it) => it.close());
      return tally.repeat(driverSteps(() => driver, { client: `grpc-${index}` }), isOver);
    }),
  ];
  const samples: Sample[] = [];
  let reportAtMs = REPORT_INTERVAL_MS;
  while (!isOver()) {
    await new Promise((resolve) => setTimeout(resolve, SAMPLE_INTERVAL_MS));
    const sample = {
      elapsedMs: elapsedMs(),
      rssBytes: residentBytes(service.pid),
      requests: tally.requests,
      failed: tally.failed,
    };
    samples.push(sample);
    if (sample.elapsedMs < reportAtMs) continue;
    report?.(sample);
    reportAtMs += REPORT_INTERVAL_MS;
  }
  await Promise.all(load);
  return { requests: tally.requests, failed: tally.failed, failures: tally.failures, samples };
}

/** The median memory of the last third over that of the first, the warm-up aside. */
export function memoryGrowth(samples: readonly Sample[]): number {
  const warm = samples.filter(({ elapsedMs }) => elapsedMs >= WARM_UP_MS);
  const third = Math.floor(warm.length / 3);
  if (third === 0) throw new Error("too short a run to tell how memory grows");
  return medianRss(warm.slice(-third)) / medianRss(warm.slice(0, third));
}

function medianRss(samples: readonly Sample[]): number {
  const sorted = samples.map(({ rssBytes }) => rssBytes).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: { seconds: { type: "string", default: "60" } },
  });
  const megabytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
  const result = await soak({
    seconds: Number(values.seconds),
    report: ({ elapsedMs, requests, failed, rssBytes }) =>
      console.log(
        `${(elapsedMs / 1000).toFixed(0)} s: ${requests} requests, ${failed} failed, ` +
          `RSS ${megabytes(rssBytes)}`,
      ),
  });
  const growth = memoryGrowth(result.samples);
  console.log(`${result.requests} requests, ${result.failed} failed, RSS × ${growth.toFixed(3)}`);
  for (const failure of result.failures) console.log(failure);
  Deno.exit(result.failed === 0 && growth <= MAX_GROWTH ? 0 : 1);
}

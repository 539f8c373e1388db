import assert from "node:assert/strict";
import { freePort } from "../support/free_port.ts";
import { makeServerFolder, ServerProcess } from "../support/server_process.ts";
import { ALERTS, projectFile, PROMETHEUS, readProject } from "./deploy_files.ts";

const READY_DEADLINE_MS = 30_000;

/** A rule as Prometheus has loaded it. */
export interface Rule {
  readonly type: "alerting" | "recording";
  readonly name: string;
  readonly query: string;
  readonly health: string;
  readonly lastError?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A real Prometheus with the example configuration and the alerts of `deploy/`. */
export class PrometheusServer implements AsyncDisposable {
  readonly #origin: string;
  readonly #process: ServerProcess;

  private constructor(port: number, folder: string) {
    this.#origin = `http://127.0.0.1:${port}`;
    this.#process = new ServerProcess("prometheus", {
      args: [
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      folder,
      removeFolder: true,
    });
  }

  /** Scrapes `target` (host:port) every second. */
  static async start(target: string): Promise<PrometheusServer> {
    const folder = makeServerFolder();
    Deno.writeTextFileSync(`${folder}/prometheus.yml`, configuration(target));
    const server = new PrometheusServer(freePort(), folder);
    await server.#process.whenReady(
      async () => {
        const response = await fetch(`${server.#origin}/-/ready`);
        await response.body?.cancel();
        return response.ok;
      },
      { deadlineMs: READY_DEADLINE_MS },
    );
    return server;
  }

  /** The health of each target, such as "up". */
  async targets(): Promise<{ readonly health: string; readonly lastError: string }[]> {
    const { activeTargets } = await this.#data("targets");
    return activeTargets;
  }

  /** The names of all metrics that have a sample. */
  async names(): Promise<Set<string>> {
    return new Set(await this.#data("label/__name__/values"));
  }

  async rules(): Promise<Rule[]> {
    const { groups } = await this.#data("rules");
    return groups.flatMap(({ rules }: { rules: Rule[] }) => rules);
  }

  /** The number of series that a query gives; throws with Prometheus' own words on a bad one. */
  async query(expression: string): Promise<number> {
    const { result } = await this.#data("query", { query: expression });
    return result.length;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process.stop();
  }

  async #data(
    path: string,
    parameters: Readonly<Record<string, string>> = {},
    // deno-lint-ignore no-explicit-any -- whatever Prometheus answers; its callers say what
  ): Promise<any> {
    const response = await fetch(
      `${this.#origin}/api/v1/${path}?${new URLSearchParams(parameters)}`,
    );
    const { status, data, error } = await response.json();
    assert.equal(status, "success", error);
    return data;
  }
}

function configuration(target: string): string {
  const changes: readonly (readonly [string, string])[] = [
    ["scrape_interval: 15s", "scrape_interval: 1s"],
    ["evaluation_interval: 15s", "evaluation_interval: 1s"],
    ["- alerts.yaml", `- ${projectFile(ALERTS)}`],
    ["127.0.0.1:8080", target],
  ];
  return changes.reduce((text, [from, to]) => {
    assert(text.includes(from), `${PROMETHEUS} has ${from}`);
    return text.replace(from, to);
  }, readProject(PROMETHEUS));
}

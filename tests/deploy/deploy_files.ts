const ROOT = new URL("../../", import.meta.url);

/** The path of a file of the project. */
export function projectFile(path: string): string {
  return new URL(path, ROOT).pathname;
}

/** The text of a file of the project. */
export function readProject(path: string): string {
  return Deno.readTextFileSync(projectFile(path));
}

export const ALERTS = "deploy/prometheus/alerts.yaml";
export const ALERTS_TEST = "deploy/prometheus/alerts_test.yaml";
export const PROMETHEUS = "deploy/prometheus/prometheus.yml";
const DASHBOARD = "deploy/grafana/cache-service.json";

/** A panel of the dashboard, as far as it is looked at here. */
export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly targets?: readonly { readonly refId: string; readonly expr: string }[];
}

export interface Dashboard {
  readonly schemaVersion: number;
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string }[];
  };
  readonly panels: readonly Panel[];
}

export function readDashboard(): Dashboard {
  return JSON.parse(readProject(DASHBOARD));
}

/** Every query of the dashboard with its panel's title, its variables filled in for one job. */
export function dashboardQueries(): { readonly title: string; readonly expr: string }[] {
  return readDashboard().panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      title,
      expr: expr
        .replaceAll("$__rate_interval", "10s")
        .replaceAll("$__interval", "10s")
        .replaceAll("$job", "cache-service")
        .replaceAll("$instance", ".+"),
    }))
  );
}

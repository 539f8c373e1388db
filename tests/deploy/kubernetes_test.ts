// Requirements 9.1 to 9.4, 10.1 to 10.5: what deploy/kubernetes makes is valid, and the program takes
// the settings in it.
import assert from "node:assert/strict";
import { type Config, ConfigFaults, parseConfig } from "../../src/config.ts";
import { KNOWN_NAMES } from "../../src/config/settings.ts";
import { freePorts, runCommand, ServiceProcess } from "../e2e/service_process.ts";
import { serverTest } from "../support/backends.ts";
import { freePort } from "../support/free_port.ts";
import { JWT_SECRET } from "../support/tokens.ts";
import { projectFile, readProject } from "./deploy_files.ts";
import {
  build,
  buildProductionWith,
  buildWithComponent,
  KUBERNETES_NEEDS,
  Manifests,
} from "./manifests.ts";
import { runTool } from "./run_tool.ts";

const KUBERNETES = "deploy/kubernetes";
/** The oldest and the newest version of Kubernetes that the manifests are for. */
const VERSIONS = ["1.30", "1.37"];
/** Schemas that come with an operator, not with Kubernetes. */
const CUSTOM = /^(monitoring\.coreos\.com|gateway\.networking\.k8s\.io|gateway\.envoyproxy\.io)\//;
const needs = KUBERNETES_NEEDS;

const PRODUCTION_ON_OWN_REDIS = "overlay production with a Redis of its own";
const REDIS_CLUSTER_LINE = "- ../../components/redis_cluster";

/** Names of the folders in a folder. */
function folders(path: string): readonly string[] {
  return [...Deno.readDirSync(projectFile(path))].map(({ name }) => name).sort();
}

const BUILDS = new Map([
  ["base", (): Promise<string> => build(projectFile(`${KUBERNETES}/base`))],
  ...folders(`${KUBERNETES}/overlays`).map((name) =>
    [
      `overlay ${name}`,
      (): Promise<string> => build(projectFile(`${KUBERNETES}/overlays/${name}`)),
    ] as const
  ),
  ...folders(`${KUBERNETES}/components`).map((name) =>
    [`component ${name}`, (): Promise<string> => buildWithComponent(name)] as const
  ),
  [PRODUCTION_ON_OWN_REDIS, (): Promise<string> => buildProductionWith(REDIS_CLUSTER_LINE)],
]);

/** The configuration that the settings of the manifests make, with a secret if they need one. */
function configOf(manifests: Manifests): Config {
  const settings = manifests.settings;
  const secret = settings.AUTH_JWKS_URL === undefined ? { AUTH_JWT_SECRET: JWT_SECRET } : {};
  const parsed = parseConfig({ ...settings, ...secret }, {
    readFile: () => "",
    cgroupMemoryLimitBytes: manifests.memoryLimitBytes,
  });
  if (parsed instanceof ConfigFaults) throw parsed;
  assert.deepEqual(parsed.warnings, []);
  return parsed.config;
}

for (const [name, text] of BUILDS) {
  serverTest({
    name: `${name}: kustomize builds it, and Kubernetes knows all that it says`,
    needs,
    async fn(): Promise<void> {
      const yaml = await text();
      const { all } = await Manifests.parse(yaml);
      const known = all.filter(({ apiVersion }) => !CUSTOM.test(apiVersion));
      assert(known.length > 5);
      const file = await Deno.makeTempFile({ suffix: ".yaml" });
      try {
        // JSON is YAML.
        const documents = known.map((manifest) => JSON.stringify(manifest));
        await Deno.writeTextFile(file, documents.join("\n---\n"));
        for (const version of VERSIONS) {
          const said = await runTool(["kubernetes-validate", "--strict", "-k", version, file]);
          assert.doesNotMatch(said, /WARN|ERROR/);
        }
      } finally {
        await Deno.remove(file);
      }
    },
  });

  serverTest({
    name: `${name}: every name is a setting with a value that the program takes, in its memory`,
    needs,
    async fn(): Promise<void> {
      const manifests = await Manifests.parse(await text());
      const { spec } = manifests.deployment.spec.template;
      for (const setting of Object.keys(manifests.settings)) {
        assert(KNOWN_NAMES.has(setting), `${setting} is a setting`);
      }
      const { server } = configOf(manifests);
      const stopMs = server.drainDelayMs + server.gracefulTimeoutMs + 5_000;
      assert(spec.terminationGracePeriodSeconds * 1000 >= stopMs, `${stopMs} ms to stop`);
    },
  });
}

serverTest({
  name: "while a pod drains there is time for its readiness probe to fail",
  needs,
  async fn(): Promise<void> {
    const manifests = await Manifests.parse(await build(projectFile(`${KUBERNETES}/base`)));
    const { periodSeconds, timeoutSeconds } = manifests.container.readinessProbe;
    const { server } = configOf(manifests);
    assert(server.drainDelayMs > (periodSeconds + timeoutSeconds) * 1000);
  },
});

serverTest({
  name: "of a managed Redis no setting is left where the overlay brings its own",
  needs,
  async fn(): Promise<void> {
    const { redis } = configOf(
      await Manifests.parse(await buildProductionWith(REDIS_CLUSTER_LINE)),
    );
    assert.deepEqual([redis.clusterMode, redis.tlsEnabled, redis.username], [
      true,
      false,
      undefined,
    ]);
    for (const { host } of redis.addresses) assert.match(host, /^redis-cluster-\d\.redis-cluster$/);
  },
});

serverTest({
  name: "a slash within a key gets through the gateway as it was sent",
  needs,
  async fn(): Promise<void> {
    const manifests = await Manifests.parse(await buildWithComponent("ingress"));
    const { path } = manifests.one("ClientTrafficPolicy").spec as { path?: unknown };
    assert.deepEqual(path, { escapedSlashesAction: "KeepUnchanged", disableMergeSlashes: true });
  },
});

serverTest({
  name: "every key of the example Secret is a setting, and holds nothing",
  needs,
  async fn(): Promise<void> {
    const example = await Manifests.parse(readProject(`${KUBERNETES}/examples/secret.yaml`));
    const entries = Object.entries(example.one("Secret").stringData ?? {});
    assert(entries.length > 0);
    for (const [name, value] of entries) {
      assert(KNOWN_NAMES.has(name), `${name} is a setting`);
      assert.equal(value, "", name);
    }
  },
});

for (const overlay of folders(`${KUBERNETES}/overlays`)) {
  serverTest({
    name: `the program starts as a kubelet starts it, overlay ${overlay}`,
    needs,
    async fn(): Promise<void> {
      const text = await build(projectFile(`${KUBERNETES}/overlays/${overlay}`));
      const manifests = await Manifests.parse(text);
      const folder = await Deno.makeTempDir();
      try {
        const keys = `${folder}/encryption-keys`;
        const { stdout } = await runCommand(["keygen", "encryption"]);
        await Deno.writeTextFile(keys, stdout);
        const environment = {
          ...injected([...manifests.serviceNames, "kubernetes", "metrics"]),
          ...manifests.settings,
          ...locally(manifests.settings, keys),
        };
        await using service = await ServiceProcess.start(environment);
        assert.equal(await service.readyStatus(), 200);
        const odd = service.logLines().filter(({ message }) =>
          /is not a setting/.test(String(message))
        );
        assert.deepEqual(odd, []);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

/** What differs on this machine: addresses to listen on, none to reach, and the secrets. */
function locally(
  settings: Readonly<Record<string, string>>,
  encryptionKeys: string,
): Record<string, string> {
  const nowhere = `127.0.0.1:${freePort()}`;
  return {
    SERVER_HOST: "127.0.0.1",
    ...freePorts(),
    METRICS_PORT: `${freePort()}`,
    SERVER_DRAIN_DELAY: "0s",
    REDIS_ADDRESSES: nowhere,
    ...(settings.BROKER_URL === undefined ? {} : { BROKER_URL: `amqps://${nowhere}` }),
    ...(settings.TRACING_ENDPOINT === undefined ? {} : { TRACING_ENDPOINT: `http://${nowhere}` }),
    ...(settings.AUTH_ENCRYPTION_KEY_FILE === undefined
      ? {}
      : { AUTH_ENCRYPTION_KEY_FILE: encryptionKeys }),
    ...(settings.AUTH_JWKS_URL === undefined
      ? { AUTH_JWT_SECRET: JWT_SECRET }
      : { AUTH_JWKS_URL: `https://${nowhere}/` }),
  };
}

/** The variables that a container gets for Services of its namespace. */
function injected(services: readonly string[]): Record<string, string> {
  return Object.fromEntries(services.flatMap((service) => {
    const name = service.toUpperCase().replaceAll("-", "_");
    return [
      [`${name}_SERVICE_HOST`, "10.0.0.1"],
      [`${name}_SERVICE_PORT`, "8080"],
      [`${name}_SERVICE_PORT_HTTP`, "8080"],
      [`${name}_PORT`, "tcp://10.0.0.1:8080"],
      [`${name}_PORT_8080_TCP`, "tcp://10.0.0.1:8080"],
      [`${name}_PORT_8080_TCP_PROTO`, "tcp"],
      [`${name}_PORT_8080_TCP_PORT`, "8080"],
      [`${name}_PORT_8080_TCP_ADDR`, "10.0.0.1"],
    ];
  }));
}

Deno.test("the PrometheusRule is that of deploy/prometheus/alerts.yaml", async () => {
  const folder = `${KUBERNETES}/components/prometheus`;
  const fresh = await Deno.makeTempFile();
  try {
    await runTool([projectFile(`${folder}/renew_rule.sh`), fresh]);
    assert.equal(readProject(`${folder}/prometheus_rule.yaml`), await Deno.readTextFile(fresh));
  } finally {
    await Deno.remove(fresh);
  }
});

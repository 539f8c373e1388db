// Requirements 9.1, 10.1: compose.yaml, the image and the workflows as their own tools see them.
import assert from "node:assert/strict";
import { serverTest } from "../support/backends.ts";
import { projectFile, readProject } from "./deploy_files.ts";
import { parseYaml, runTool, YAML_NEEDS } from "./run_tool.ts";

interface Service {
  readonly image: string;
  readonly build?: string;
  readonly profiles?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

async function services(): Promise<Readonly<Record<string, Service>>> {
  const text = readProject("compose.yaml");
  const [document] = await parseYaml<{ services: Record<string, Service> }>(text);
  assert(document !== undefined);
  return document.services;
}

serverTest({
  name: "compose.yaml is one that `docker compose` loads, alone and with each profile",
  needs: ["compose-check", ...YAML_NEEDS],
  async fn(): Promise<void> {
    const all = Object.entries(await services());
    const profiles = new Set(all.flatMap(([, { profiles = [] }]) => profiles));
    assert.equal(profiles.size, 3);
    for (const active of [[], ...[...profiles].map((profile) => [profile]), [...profiles]]) {
      const environment = `COMPOSE_PROFILES=${active.join(",")}`;
      const loaded = await runTool([
        "env",
        environment,
        "compose-check",
        projectFile("compose.yaml"),
      ]);
      const expected = all
        .filter(([, { profiles = [] }]) =>
          profiles.length === 0 || profiles.some((profile) => active.includes(profile))
        )
        .map(([name]) => name);
      assert.deepEqual(loaded.trim().split("\n").sort(), expected.sort(), environment);
    }
  },
});

serverTest({
  name: "of the services with one image only one builds it, and always runs",
  needs: YAML_NEEDS,
  async fn(): Promise<void> {
    const all = Object.values(await services());
    const builders = all.filter(({ build }) => build !== undefined);
    assert.deepEqual(builders.map(({ image, profiles }) => [image, profiles]), [
      ["cache-service:dev", undefined],
    ]);
  },
});

serverTest({
  name: "`docker compose up --wait` knows which services end, because others wait for their end",
  needs: YAML_NEEDS,
  async fn(): Promise<void> {
    const all = await services();
    const awaited = Object.values(all).flatMap(({ depends_on = {} }) =>
      Object.entries(depends_on)
        .filter(([, { condition }]) => condition === "service_completed_successfully")
        .map(([name]) => name)
    );
    assert.deepEqual([...new Set(awaited)].sort(), ["redis-cluster-create", "secrets"]);
  },
});

serverTest({
  name: "actionlint and shellcheck find no fault in workflows and scripts",
  needs: ["actionlint", "shellcheck"],
  async fn(): Promise<void> {
    const workflows = ["checks", "release"].map((name) =>
      projectFile(`.github/workflows/${name}.yml`)
    );
    await runTool(["actionlint", "-no-color", "-oneline", ...workflows]);
    const scripts = [
      ".ci/run",
      "deploy/compose/create_cluster.sh",
      "deploy/compose/create_secrets.sh",
      "deploy/kubernetes/components/prometheus/renew_rule.sh",
      "deploy/kubernetes/components/redis_cluster/create_cluster.sh",
    ];
    await runTool(["shellcheck", ...scripts.map(projectFile)]);
  },
});

serverTest({
  name: "hadolint finds no fault in the Dockerfile",
  needs: ["hadolint"],
  async fn(): Promise<void> {
    await runTool(["hadolint", projectFile("Dockerfile")]);
  },
});

Deno.test("actions are pinned to commits, with their version beside", () => {
  for (const name of ["checks", "release"]) {
    const text = readProject(`.github/workflows/${name}.yml`);
    for (const [, used = ""] of text.matchAll(/uses: (?!\.\/)(.+)/g)) {
      assert.match(used, /^[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/, name);
    }
  }
});

// Requirements 9.1, 10.1: compose.yaml, the image and the workflows hang together.
import assert from "node:assert/strict";
import { ConfigFaults, parseConfig } from "../../src/config.ts";
import { KNOWN_NAMES } from "../../src/config/settings.ts";
import { serverTest } from "../support/backends.ts";
import { projectFile, readProject } from "./deploy_files.ts";
import { promtool } from "./promtool.ts";
import { parseYaml, runTool, YAML_NEEDS } from "./run_tool.ts";

const needs = YAML_NEEDS;
const COMPOSE = "deploy/compose";
const OWN_IMAGE = "cache-service:dev";

interface Service {
  readonly image: string;
  readonly build?: string;
  readonly volumes?: readonly string[];
  readonly profiles?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: unknown;
  readonly entrypoint?: readonly string[];
  readonly mem_limit?: string;
  readonly ports?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

async function compose(): Promise<Compose> {
  const [document] = await parseYaml<Compose>(readProject("compose.yaml"));
  assert(document !== undefined);
  return document;
}

/** The services of compose.yaml that are this project's own. */
async function ownServices(): Promise<[string, Service][]> {
  const own = Object.entries((await compose()).services)
    .filter(([, { image }]) => image === OWN_IMAGE);
  assert.equal(own.length, 3);
  return own;
}

serverTest({
  name: "compose.yaml mounts files and volumes that exist, and listens on loopback only",
  needs,
  async fn(): Promise<void> {
    const { services, volumes } = await compose();
    for (const [name, { volumes: mounts = [], ports = [] }] of Object.entries(services)) {
      for (const mount of mounts) {
        const [source = ""] = mount.split(":");
        if (source.startsWith(".")) Deno.statSync(projectFile(source));
        else assert(source in volumes, `${name} mounts ${source}`);
      }
      for (const port of ports) assert.match(port, /^127\.0\.0\.1:/, name);
    }
  },
});

serverTest({
  name: "what a service of compose.yaml waits for is there with it and can come true",
  needs,
  async fn(): Promise<void> {
    const { services } = await compose();
    for (const [name, { depends_on = {}, profiles = [] }] of Object.entries(services)) {
      for (const [other, { condition }] of Object.entries(depends_on)) {
        const target = services[other];
        assert(target !== undefined, `${name} waits for ${other}`);
        const without = target.profiles ?? [];
        assert(
          without.length === 0 || profiles.some((profile) => without.includes(profile)),
          `${other} runs in the profile of ${name}`,
        );
        if (condition === "service_healthy") {
          assert(target.healthcheck !== undefined, `${other} has a health check`);
        } else assert.equal(condition, "service_completed_successfully");
      }
    }
  },
});

serverTest({
  name: "the settings in compose.yaml are ones that the program takes, with the secrets it makes",
  needs,
  async fn(): Promise<void> {
    const folder = await Deno.makeTempDir();
    try {
      await runTool(["sh", projectFile(`${COMPOSE}/create_secrets.sh`), folder]);
      for (const [name, { environment = {}, mem_limit }] of await ownServices()) {
        assert.equal(mem_limit, "1g", name);
        const settings = Object.fromEntries(
          Object.entries(environment).map(([setting, value]) => {
            assert(KNOWN_NAMES.has(setting), `${setting} of ${name} is a setting`);
            return [setting, value.replace(/^\$\{\w+:-(.*)\}$/, "$1")];
          }),
        );
        const parsed = parseConfig(settings, {
          readFile: (path) => Deno.readTextFileSync(path.replace(/^\/secrets/, folder)),
          cgroupMemoryLimitBytes: 1024 ** 3,
        });
        if (parsed instanceof ConfigFaults) throw parsed;
        assert.deepEqual(parsed.warnings, []);
        assert(parsed.config.auth.encryptionKeyFile !== undefined);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("secrets for development are made once, and differ", async () => {
  const folder = await Deno.makeTempDir();
  const read = (): string[] =>
    ["jwt_secret", "encryption_key", "redis_password", "redis.conf"].map((name) =>
      Deno.readTextFileSync(`${folder}/${name}`)
    );
  try {
    const script = ["sh", projectFile(`${COMPOSE}/create_secrets.sh`), folder] as const;
    await runTool(script);
    const made = read();
    assert.equal(new Set(made).size, made.length);
    await runTool(script);
    assert.deepEqual(read(), made);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

serverTest({
  name: "promtool finds no fault in the Prometheus configuration of compose.yaml",
  needs: ["promtool"],
  async fn(): Promise<void> {
    const said = await promtool([
      "check",
      "config",
      "--syntax-only",
      projectFile(`${COMPOSE}/prometheus.yml`),
    ]);
    assert.match(said, /SUCCESS|is valid/);
  },
});

serverTest({
  name: "the files of compose.yaml and the workflows are YAML",
  needs,
  async fn(): Promise<void> {
    for (const folder of [COMPOSE, ".github/workflows"]) {
      for (const { name } of Deno.readDirSync(projectFile(folder))) {
        if (!/\.ya?ml$/.test(name)) continue;
        const documents = await parseYaml<object>(readProject(`${folder}/${name}`));
        assert.equal(documents.length, 1, name);
      }
    }
  },
});

interface Workflow {
  readonly permissions: unknown;
  readonly jobs: Readonly<
    Record<string, {
      readonly needs?: string;
      readonly uses?: string;
      readonly steps?: readonly { readonly uses?: string; readonly run?: string }[];
    }>
  >;
}

serverTest({
  name: "the workflows name jobs, files and tasks that exist",
  needs,
  async fn(): Promise<void> {
    const { tasks } = JSON.parse(readProject("deno.json"));
    for (const name of ["checks", "release"]) {
      const text = readProject(`.github/workflows/${name}.yml`);
      const [workflow] = await parseYaml<Workflow>(text);
      assert.deepEqual(workflow?.permissions, { contents: "read" });
      for (const { needs, uses } of Object.values(workflow?.jobs ?? {})) {
        if (needs !== undefined) assert(needs in (workflow?.jobs ?? {}), needs);
        if (uses !== undefined) Deno.statSync(projectFile(uses));
      }
      for (const [path] of text.matchAll(/(?<=run: |\s)(\.ci|docs|src)\/[\w./]+/g)) {
        Deno.statSync(projectFile(path));
      }
      for (const [, task = ""] of text.matchAll(/deno task (\S+)/g)) assert(task in tasks, task);
    }
  },
});

Deno.test("the image is built from files that its context has, by tasks that exist", () => {
  const dockerfile = readProject("Dockerfile");
  const { tasks } = JSON.parse(readProject("deno.json"));
  const used = [...dockerfile.matchAll(/deno task (\S+)/g)].map(([, task = ""]) => task);
  assert(used.length > 0);
  for (const task of used) assert(task in tasks, task);
  const kept = [...readProject(".dockerignore").matchAll(/^!(.+)$/gm)].map(([, path = ""]) => path);
  for (const path of [...kept, "main.ts", "deno.json", "deno.lock"]) {
    Deno.statSync(projectFile(path));
    assert(kept.includes(path), `${path} is in the context`);
  }
  assert.match(dockerfile, /^USER \d+:\d+$/m);
});

Deno.test("image, workflows and gate use one version of Deno", () => {
  const [, version = ""] = readProject(".ci/run").match(/deno_version=(\S+)/) ?? [];
  assert.match(version, /^\d+\.\d+\.\d+$/);
  assert(readProject("Dockerfile").includes(`denoland/deno:debian-${version}\n`));
  assert(readProject(".github/workflows/release.yml").includes(`DENO_VERSION: ${version}\n`));
});

Deno.test("image and overlay have the version of the program", () => {
  const [, version = ""] = readProject("src/cli/version.ts").match(/VERSION = "(.+)"/) ?? [];
  assert(readProject("Dockerfile").includes(`ARG VERSION=${version} `));
  const overlay = readProject("deploy/kubernetes/overlays/production/kustomization.yaml");
  assert(overlay.includes(`newTag: ${version}\n`));
});

Deno.test("what runs from source has the rights of the binary", () => {
  const { tasks } = JSON.parse(readProject("deno.json"));
  const rights = (task: string): string[] => tasks[task].match(/--allow-\S+/g);
  for (const task of ["start", "dev", "compile:aarch64"]) {
    assert.deepEqual(rights(task), rights("compile"), task);
  }
});

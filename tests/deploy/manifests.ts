import assert from "node:assert/strict";
import { projectFile } from "./deploy_files.ts";
import { parseYaml, runTool, YAML_NEEDS } from "./run_tool.ts";

export const KUBERNETES_NEEDS = ["kustomize", "kubernetes-validate", ...YAML_NEEDS];

/** An object of Kubernetes, as far as it is looked at here. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
  readonly spec?: unknown;
}

/** A container, as far as it is looked at here. */
export interface Container {
  readonly name: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly readinessProbe: { readonly periodSeconds: number; readonly timeoutSeconds: number };
  readonly resources: { readonly limits: { readonly memory: string } };
}

/** The service's Deployment with the pod that it makes. */
export interface Deployment {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly containers: readonly Container[];
      };
    };
  };
}

/** What `kustomize build` of a folder gives, as YAML. */
export function build(folder: string): Promise<string> {
  return runTool(["kustomize", "build", folder]);
}

/** What a kustomization of other files gives; `write` gets its folder, and the way to ours from it. */
async function buildElsewhere(
  write: (folder: string, kubernetes: string) => Promise<void>,
): Promise<string> {
  // A path in a kustomization is relative.
  const folder = await Deno.makeTempDir();
  try {
    const up = folder.split("/").slice(1).map(() => "..").join("/");
    await write(folder, `${up}${projectFile("deploy/kubernetes")}`);
    return await build(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The base with one component, as an overlay would have it. */
export function buildWithComponent(name: string): Promise<string> {
  return buildElsewhere(async (folder, kubernetes) => {
    const text =
      `resources: [${kubernetes}/base]\ncomponents: [${kubernetes}/components/${name}]\n`;
    await Deno.writeTextFile(`${folder}/kustomization.yaml`, text);
  });
}

/** The overlay for production with the component of `line`, which is commented out in it. */
export function buildProductionWith(line: string): Promise<string> {
  return buildElsewhere(async (folder, kubernetes) => {
    const production = projectFile("deploy/kubernetes/overlays/production");
    for await (const { name } of Deno.readDir(production)) {
      const text = await Deno.readTextFile(`${production}/${name}`);
      if (name === "kustomization.yaml") assert(text.includes(`  # ${line}\n`), line);
      const moved = text.replace(`# ${line}`, line).replaceAll("../../", `${kubernetes}/`);
      await Deno.writeTextFile(`${folder}/${name}`, moved);
    }
  });
}

/** The manifests of a text, and the only one of `kind` that is called `cache-service…`. */
export class Manifests {
  private constructor(readonly all: readonly Manifest[]) {}

  static async parse(text: string): Promise<Manifests> {
    return new Manifests(await parseYaml<Manifest>(text));
  }

  one(kind: string): Manifest {
    const found = this.all.filter((manifest) =>
      manifest.kind === kind && /^cache-service(-[0-9a-z]{10})?$/.test(manifest.metadata.name)
    );
    const [manifest] = found;
    assert(manifest !== undefined && found.length === 1, `${found.length} of ${kind}`);
    return manifest;
  }

  get deployment(): Deployment {
    // The schema of Kubernetes was checked by kubernetes-validate.
    return this.one("Deployment") as unknown as Deployment;
  }

  get container(): Container {
    const [container] = this.deployment.spec.template.spec.containers;
    assert(container !== undefined);
    return container;
  }

  /** The service's settings that the manifests hold: its ConfigMap's and its container's. */
  get settings(): Record<string, string> {
    const variables = (this.container.env ?? []).map(({ name, value = "" }) => [name, value]);
    return { ...this.one("ConfigMap").data, ...Object.fromEntries(variables) };
  }

  /** The names of all Services. */
  get serviceNames(): readonly string[] {
    return this.all.filter(({ kind }) => kind === "Service").map(({ metadata }) => metadata.name);
  }

  /** The service's limit of memory in bytes. */
  get memoryLimitBytes(): number {
    const { memory } = this.container.resources.limits;
    const [, count, unit] = memory.match(/^(\d+)(Mi|Gi)$/) ?? [];
    assert(unit !== undefined, `a limit of ${memory}`);
    return Number(count) * 1024 ** (unit === "Gi" ? 3 : 2);
  }
}

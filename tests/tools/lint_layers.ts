import { pathToFileURL } from "node:url";

/**
 * A `deno lint` plugin that keeps the layers of docs/architecture.md: who may import whom, and
 * that `core` and `cache` read no time and no randomness of their own. A new folder below src/
 * may import `core` until it gets a line here.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  cache: ["core"],
  store: ["core"],
  bus: ["core"],
  crypto: ["core"],
  auth: ["core"],
  telemetry: ["core"],
  net: ["core"],
  http: ["core", "cache", "auth", "net"],
  grpc: ["core", "cache", "auth", "net"],
  config: ["core"],
  system: ["core"],
  app: [
    "core",
    "cache",
    "store",
    "bus",
    "crypto",
    "auth",
    "telemetry",
    "http",
    "grpc",
    "config",
    "system",
  ],
  cli: ["core", "config", "app"],
  main: ["core", "config", "app", "cli"],
  // End-to-end tests see the program from outside. They may use the test support, which for this
  // reason sees no more of the project than the interfaces of `core`.
  "tests/support": ["core"],
  "tests/e2e": ["tests/support"],
};

const TIMERS = new Set(["setTimeout", "setInterval"]);
const AMBIENT = new Set([
  "Date.now",
  "Math.random",
  "crypto.getRandomValues",
  "crypto.randomUUID",
  "performance.now",
  ...TIMERS,
]);

const ROOT = new URL("../../", import.meta.url).href;

/** The path of `url` below the project's root, or undefined for a file outside. */
function projectPath(url: URL): string | undefined {
  return url.href.startsWith(ROOT) ? url.href.slice(ROOT.length) : undefined;
}

/** `src/cache/lru.ts` and `src/cache_test.ts` are of the layer "cache"; undefined has no layer. */
function layerOf(path: string): string | undefined {
  const [top = "", next = ""] = path.replace(/(_test)?\.ts$/, "").split("/");
  if (top === "src") return next;
  if (top === "tests") return `tests/${next}`;
  return top === "main" || top === "bench" ? top : undefined;
}

function layersAllowed(path: string, layer: string): readonly string[] | undefined {
  const listed = MAY_IMPORT[layer];
  if (!path.startsWith("src/")) return listed;
  const allowed = listed ?? ["core"];
  return path.endsWith("_test.ts") ? [...allowed, "tests/support"] : allowed;
}

/** Says what is wrong with `specifier` in the file at `path`, or undefined. */
function importProblem(path: string, specifier: string): string | undefined {
  const layer = layerOf(path);
  if (layer === undefined) return undefined;
  if (!/^(\.{0,2}\/|file:)/.test(specifier)) {
    return layer === "core" && !path.endsWith("_test.ts")
      ? `core may import no package, not ${specifier}`
      : undefined;
  }
  const allowed = layersAllowed(path, layer);
  const target = projectPath(new URL(specifier, ROOT + path));
  if (allowed === undefined || target === undefined) return undefined;
  const targetLayer = layerOf(target) ?? (layer === "core" ? target : layer);
  if (targetLayer === layer || allowed.includes(targetLayer)) return undefined;
  const permitted = allowed.length === 0 ? "nothing of the project" : `${allowed.join(", ")} only`;
  return `${layer} may import ${permitted}, not ${targetLayer}`;
}

function literalText(node: Deno.lint.Node): string | undefined {
  if (node.type === "TemplateLiteral" && node.expressions.length === 0) {
    return node.quasis[0]?.cooked;
  }
  if (node.type === "TSLiteralType") return literalText(node.literal);
  return node.type === "Literal" && typeof node.value === "string" ? node.value : undefined;
}

/** `globalThis.Date["now"]` as "Date.now"; parts that are no names become "?". */
function dottedName(node: Deno.lint.Node): string {
  if (node.type === "ChainExpression") return dottedName(node.expression);
  if (node.type === "Identifier") return node.name;
  if (node.type !== "MemberExpression") return "?";
  const property = !node.computed && node.property.type === "Identifier"
    ? node.property.name
    : literalText(node.property) ?? "?";
  return `${dottedName(node.object)}.${property}`.replace(/^(globalThis|self|window)\./, "");
}

const imports: Deno.lint.Rule = {
  create(context): Deno.lint.LintVisitor {
    const path = projectPath(pathToFileURL(context.filename));
    if (path === undefined) return {};
    const check = (source: Deno.lint.Node | null): void => {
      const specifier = source === null ? undefined : literalText(source);
      const message = specifier === undefined ? undefined : importProblem(path, specifier);
      if (source !== null && message !== undefined) context.report({ node: source, message });
    };
    return {
      ImportDeclaration: (node) => check(node.source),
      ExportAllDeclaration: (node) => check(node.source),
      ExportNamedDeclaration: (node) => check(node.source),
      ImportExpression: (node) => check(node.source),
      TSImportType: (node) => check(node.argument),
    };
  },
};

const injectedTime: Deno.lint.Rule = {
  create(context): Deno.lint.LintVisitor {
    const path = projectPath(pathToFileURL(context.filename));
    const layer = path === undefined ? undefined : layerOf(path);
    if (layer !== "core" && layer !== "cache") return {};
    const refuse = (node: Deno.lint.Node, name: string): void =>
      context.report({ node, message: `${layer} may not use ${name}: take a Clock or a Random` });
    return {
      // Also where a timer is only passed on, or typed: there is no good use of the name.
      Identifier: (node) => {
        if (TIMERS.has(node.name)) refuse(node, node.name);
      },
      MemberExpression: (node) => {
        const name = dottedName(node);
        if (AMBIENT.has(name) && (node.computed || !TIMERS.has(name))) refuse(node, name);
      },
      NewExpression: (node) => {
        if (node.arguments.length === 0 && dottedName(node.callee) === "Date") {
          refuse(node, "new Date() without a time");
        }
      },
      CallExpression: (node) => {
        if (dottedName(node.callee) === "Date") refuse(node, "Date()");
      },
    };
  },
};

const plugin: Deno.lint.Plugin = {
  name: "layers",
  rules: { "imports": imports, "injected-time": injectedTime },
};

export default plugin;

import assert from "node:assert/strict";
import type { LogFields, Logger } from "../core/telemetry.ts";
import { resourceAttributesOf, samplerOf } from "./otel_variables.ts";

/** A logger that counts its warnings. */
class Warnings implements Logger {
  readonly fields: (LogFields | undefined)[] = [];
  debug(): void {}
  info(): void {}
  error(): void {}
  warn(_message: string, fields?: LogFields): void {
    this.fields.push(fields);
  }
}

Deno.test("each sampler of the specification is known by its name", () => {
  const on = "AlwaysOnSampler";
  const off = "AlwaysOffSampler";
  const remote = `remoteParentSampled=${on}, remoteParentNotSampled=${off}, ` +
    `localParentSampled=${on}, localParentNotSampled=${off}`;
  for (
    const [name, argument, expected] of [
      ["always_on", undefined, on],
      ["always_off", undefined, off],
      ["traceidratio", "0.25", "TraceIdRatioBased{0.25}"],
      ["traceidratio", " 1e-3 ", "TraceIdRatioBased{0.001}"],
      ["traceidratio", ".5", "TraceIdRatioBased{0.5}"],
      ["traceidratio", undefined, "TraceIdRatioBased{1}"],
      ["parentbased_always_on", undefined, `ParentBased{root=${on}, ${remote}}`],
      ["parentbased_always_off", undefined, `ParentBased{root=${off}, ${remote}}`],
      ["parentbased_traceidratio", "0", `ParentBased{root=TraceIdRatioBased{0}, ${remote}}`],
      [undefined, "0", `ParentBased{root=${on}, ${remote}}`],
      ["", undefined, `ParentBased{root=${on}, ${remote}}`],
    ] as const
  ) {
    const logger = new Warnings();
    const variables = { OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: argument };
    assert.equal(samplerOf(variables, logger).toString(), expected);
    assert.deepEqual(logger.fields, []);
  }
});

Deno.test("an unknown sampler and a bad argument are warned of, and the default counts", () => {
  for (
    const name of ["xray", "ALWAYS_ON", "always_on ", "parentbased_", "parentbased_jaeger_remote"]
  ) {
    const logger = new Warnings();
    const sampler = samplerOf({ OTEL_TRACES_SAMPLER: name }, logger);
    assert.match(sampler.toString(), /^ParentBased\{root=AlwaysOnSampler/);
    assert.equal(logger.fields[0]?.got, name);
  }
  for (const argument of ["1.01", "-0.1", "half", "0x1", "NaN", "1,0", "Infinity"]) {
    const logger = new Warnings();
    const variables = { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: argument };
    assert.equal(samplerOf(variables, logger).toString(), "TraceIdRatioBased{1}");
    assert.equal(logger.fields[0]?.got, argument);
  }
});

Deno.test("resource attributes count all or none, and the service name goes first", () => {
  const read = (text: string, name?: string): [Record<string, string>, number] => {
    const logger = new Warnings();
    const variables = { OTEL_RESOURCE_ATTRIBUTES: text, OTEL_SERVICE_NAME: name };
    return [resourceAttributesOf(variables, logger), logger.fields.length];
  };
  assert.deepEqual(read(""), [{}, 0]);
  assert.deepEqual(read("a=1, b = x%3Dy ,,c="), [{ a: "1", b: "x=y", c: "" }, 0]);
  assert.deepEqual(read("service.name=a"), [{ "service.name": "a" }, 0]);
  assert.deepEqual(read("service.name=a", "b"), [{ "service.name": "b" }, 0]);
  for (const bad of ["a", "=1", "a=1,b=2=3", "a=%zz"]) {
    assert.deepEqual(read(bad, "b"), [{ "service.name": "b" }, 1]);
  }
});

import { z } from "zod";
import { ADMIN_PATH } from "./admin_routes.ts";
import { PROBLEMS } from "./problem.ts";
import { CACHE_PATH } from "./raw_path.ts";
import {
  batchGetAnswer,
  batchSetAnswer,
  deleteAnswer,
  healthAnswer,
  hitAnswer,
  invalidateAnswer,
  missAnswer,
  phaseAnswer,
  problemAnswer,
  rewrapLine,
  setAnswer,
  statsAnswer,
} from "./answer_schemas.ts";
import {
  batchGetBody,
  batchSetBody,
  invalidateBody,
  logLevelBody,
  setBody,
} from "./body_schemas.ts";

/** A JSON object of the document. */
export type JsonObject = { [member: string]: unknown };

const SCHEMAS = {
  BatchGetAnswer: batchGetAnswer,
  BatchGetBody: batchGetBody,
  BatchSetAnswer: batchSetAnswer,
  BatchSetBody: batchSetBody,
  DeleteAnswer: deleteAnswer,
  Health: healthAnswer,
  Hit: hitAnswer,
  InvalidateAnswer: invalidateAnswer,
  InvalidateBody: invalidateBody,
  LogLevel: logLevelBody,
  Miss: missAnswer,
  Phase: phaseAnswer,
  Problem: problemAnswer,
  RewrapLine: rewrapLine,
  SetAnswer: setAnswer,
  SetBody: setBody,
  Stats: statsAnswer,
};

type SchemaName = keyof typeof SCHEMAS;

/** The OpenAPI 3.1 description of every route, out of the schemas that the routes use. */
export function openApiDocument(version: string): JsonObject {
  return {
    openapi: "3.1.0",
    info: { title: "cache-service", version, license: { name: "Apache-2.0" } },
    paths: {
      [`${CACHE_PATH}{namespace}/{key}`]: {
        parameters: [pathParameter("namespace"), pathParameter("key")],
        ...keyOperations(),
      },
      [`${CACHE_PATH}{namespace}/batch/get`]: batchPath({
        summary: "Get the values of several keys",
        body: "BatchGetBody",
        answer: "BatchGetAnswer",
      }),
      [`${CACHE_PATH}{namespace}/batch/set`]: batchPath({
        summary: "Set the values of several keys",
        body: "BatchSetBody",
        answer: "BatchSetAnswer",
      }),
      [`${CACHE_PATH}{namespace}/invalidate`]: {
        ...keyOperations(),
        ...batchPath({
          summary: "Tell that the origin of some keys has changed; scope cache:admin",
          body: "InvalidateBody",
          answer: "InvalidateAnswer",
        }),
      },
      [`${ADMIN_PATH}rewrap/{namespace}`]: rewrapPath(),
      [`${ADMIN_PATH}stats`]: statsPath(),
      [`${ADMIN_PATH}log-level`]: logLevelPath(),
      "/health": statusPath("How the service does", { 200: answer("Health") }),
      "/live": statusPath("Whether the process works", { 200: answer("Phase") }),
      "/ready": statusPath("Whether the service takes requests", {
        200: answer("Phase"),
        503: answer("Phase"),
      }),
      "/openapi.json": statusPath("This document", {
        200: { description: "OK", content: { "application/json": {} } },
      }),
    },
    components: {
      schemas: Object.fromEntries(
        Object.entries(SCHEMAS).map(([name, schema]) => [name, jsonSchema(schema)]),
      ),
      responses: { Problem: problemResponse() },
      securitySchemes: { bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" } },
    },
  };
}

function jsonSchema(schema: z.ZodType): JsonObject {
  // Maps with any key have no JSON Schema of their own; theirs is written beside them.
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  return json;
}

function keyOperations(): JsonObject {
  const read = {
    responses: {
      200: { ...hitResponse(), headers: responseHeaders(["Source", "Version", "TTL"]) },
      404: {
        description: "There is no entry, or no such route",
        headers: responseHeaders([]),
        content: { "application/problem+json": { schema: ref("Miss") } },
      },
      ...problems(),
    },
  };
  return {
    get: secured("Get a value", read),
    head: secured("Ask for an entry without its value", read),
    put: secured("Set a value", {
      parameters: [
        queryParameter("ttl_seconds", setBody.shape.ttl_seconds),
        queryParameter("encrypt", setBody.shape.encrypt),
      ],
      requestBody: {
        required: true,
        content: { ...json("SetBody"), "application/octet-stream": {} },
      },
      responses: {
        200: { ...answer("SetAnswer"), headers: responseHeaders(["Version"]) },
        ...problems(),
      },
    }),
    delete: secured("Delete an entry", {
      responses: { 200: answer("DeleteAnswer"), ...problems() },
    }),
  };
}

function batchPath(
  batch: {
    readonly summary: string;
    readonly body: SchemaName;
    readonly answer: SchemaName;
  },
): JsonObject {
  return {
    parameters: [pathParameter("namespace")],
    post: secured(batch.summary, {
      requestBody: { required: true, content: json(batch.body) },
      responses: { 200: answer(batch.answer), ...problems() },
    }),
  };
}

function rewrapPath(): JsonObject {
  return {
    parameters: [pathParameter("namespace")],
    post: secured("Seal what lies in a namespace under the primary key; scope cache:admin", {
      responses: {
        200: {
          description: "The counts so far, a line about every second; the last has done or error",
          headers: responseHeaders([]),
          content: { "application/x-ndjson": { schema: ref("RewrapLine") } },
        },
        ...problems(),
      },
    }),
  };
}

function statsPath(): JsonObject {
  const responses = { 200: answer("Stats"), ...problems() };
  const read = secured("All metrics as numbers; scope cache:admin", { responses });
  return { get: read, head: read };
}

function logLevelPath(): JsonObject {
  const responses = { 200: answer("LogLevel"), ...problems() };
  const who = "scope cache:admin for all namespaces";
  const read = secured(`The least severe level that is logged; ${who}`, { responses });
  return {
    get: read,
    head: read,
    put: secured(`Change it; ${who}`, {
      requestBody: { required: true, content: json("LogLevel") },
      responses,
    }),
  };
}

function statusPath(summary: string, responses: JsonObject): JsonObject {
  const operation = { summary, responses: { ...responses, default: ref("Problem", "responses") } };
  return { get: operation, head: operation };
}

function secured(summary: string, operation: JsonObject): JsonObject {
  return {
    summary,
    ...operation,
    parameters: [
      ...(Array.isArray(operation.parameters) ? operation.parameters : []),
      {
        name: "X-Correlation-ID",
        in: "header",
        description: "Given back in the answer",
        schema: { type: "string", pattern: "^[!-~]{1,128}$" },
      },
    ],
    security: [{ bearer: [] }],
  };
}

function ref(name: string, kind: "schemas" | "responses" = "schemas"): JsonObject {
  return { $ref: `#/components/${kind}/${name}` };
}

function json(name: SchemaName): JsonObject {
  return { "application/json": { schema: ref(name) } };
}

function answer(name: SchemaName): JsonObject {
  return { description: "OK", headers: responseHeaders([]), content: json(name) };
}

function hitResponse(): JsonObject {
  return {
    description: "The value; the bytes themselves where Accept prefers application/octet-stream",
    content: { ...json("Hit"), "application/octet-stream": {} },
  };
}

/** Each status that a code has, by the one response that they share. */
function problems(): JsonObject {
  const statuses = Object.values(PROBLEMS).map(({ status }) => status);
  return Object.fromEntries(
    statuses.filter((status) => status !== 404).map((status) => [
      status,
      ref("Problem", "responses"),
    ]),
  );
}

function problemResponse(): JsonObject {
  return {
    description: "The request was refused or failed; see `code`",
    headers: responseHeaders([]),
    content: { "application/problem+json": { schema: ref("Problem") } },
  };
}

const HEADER_SCHEMAS = {
  Source: { type: "string", enum: ["redis", "local"] },
  Version: { type: "string" },
  TTL: { type: "integer" },
};

function responseHeaders(names: readonly (keyof typeof HEADER_SCHEMAS)[]): JsonObject {
  return {
    "X-Correlation-ID": { schema: { type: "string" } },
    "X-Cache-Degraded": { schema: { type: "string", const: "true" } },
    ...Object.fromEntries(
      names.map((name) => [`X-Cache-${name}`, { schema: HEADER_SCHEMAS[name] }]),
    ),
  };
}

function pathParameter(name: string): JsonObject {
  return { name, in: "path", required: true, schema: { type: "string" } };
}

function queryParameter(name: string, schema: z.ZodType): JsonObject {
  return { name, in: "query", schema: jsonSchema(schema) };
}

import assert from "node:assert/strict";
import { type Json, jsonValues } from "./json_values.ts";

/** Stands in a document for any text within a line. */
const ANY = "…";
/** Members that count seconds down, and how late a reading may be. */
const COUNTDOWN = /^ttl_?seconds$/i;
const LATEST_SECONDS = 30;

export interface Expected {
  /** `json` is compared as values, `text` as lines. */
  readonly language: string;
  readonly text: string;
}

/** Asserts that commands printed what the document shows; undefined where it shows nothing. */
export function assertPrints(printed: string, expected: Expected | undefined): void {
  if (expected?.language === "json") {
    const wanted = jsonValues(expected.text);
    const values = jsonValues(printed);
    assert.deepEqual(values.map((value, index) => fitted(value, wanted[index])), wanted);
  } else {
    const lines = (expected?.text ?? "").trimEnd().split("\n");
    const fit = printed.trimEnd().split("\n").map((line, index) => fittedText(line, lines[index]));
    assert.deepEqual(fit, lines);
  }
}

/** `expected` where `value` is as it says, else `value`; so that a comparison shows what differs. */
function fitted(value: Json, expected: Json | undefined, name = ""): Json {
  if (typeof value === "string" && typeof expected === "string" && expected.includes(ANY)) {
    return fittedText(value, expected);
  }
  if (COUNTDOWN.test(name) && typeof value === typeof expected) {
    const late = Number(expected) - Number(value);
    return expected !== undefined && late >= 0 && late <= LATEST_SECONDS ? expected : value;
  }
  if (Array.isArray(value)) {
    const items = Array.isArray(expected) ? expected : [];
    return value.map((item, index) => fitted(item, items[index]));
  }
  if (isObject(value)) {
    const members = isObject(expected) ? expected : {};
    return Object.fromEntries(
      Object.entries(value).map(([key, member]) => [key, fitted(member, members[key], key)]),
    );
  }
  return value;
}

function fittedText(text: string, expected: string | undefined): string {
  if (expected === undefined) return text;
  const pattern = expected.split(ANY).map((part) => RegExp.escape(part)).join(".*");
  return new RegExp(`^${pattern}$`).test(text) ? expected : text;
}

function isObject(value: Json | undefined): value is { [name: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const STRING = /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`/g;
const SELECTOR = /\{[^{}]*\}/g;
const RANGE = /\[[^\]]*\]/g;
const LABEL_LIST = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)/g;
/** A word, and the parenthesis that makes it a function. */
const WORD = /(?<![\w:.])([A-Za-z_:][\w:]*)(\s*\()?/g;
/** Words of the language that can stand without one. */
const KEYWORDS = new Set([
  ...["and", "or", "unless", "offset", "bool", "by", "without", "on", "ignoring"],
  ...["group_left", "group_right", "inf", "nan", "start", "end"],
  ...["sum", "avg", "min", "max", "count", "topk", "bottomk", "quantile", "stddev", "stdvar"],
]);

/** The names of metrics in a PromQL expression, in their order, each once. */
export function metricNames(expression: string): string[] {
  const bare = expression
    .replace(/#.*$/gm, "")
    .replace(STRING, '""')
    .replace(SELECTOR, " ")
    .replace(RANGE, " ")
    .replace(LABEL_LIST, " ");
  const names = [...bare.matchAll(WORD)]
    .filter(([, , parenthesis]) => parenthesis === undefined)
    .map(([, name = ""]) => name)
    .filter((name) => !KEYWORDS.has(name.toLowerCase()));
  return [...new Set(names)];
}

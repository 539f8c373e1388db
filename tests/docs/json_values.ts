export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** JSON objects and arrays that follow one another, with or without space between them. */
export function jsonValues(text: string): Json[] {
  const values: Json[] = [];
  let depth = 0;
  let start = 0;
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/g)) {
    if ("[{".includes(token)) depth++;
    else if ("]}".includes(token)) depth--;
    else continue;
    if (depth !== 0) continue;
    const end = index + token.length;
    values.push(JSON.parse(text.slice(start, end)));
    start = end;
  }
  const rest = text.slice(start).trim();
  if (rest !== "") throw new SyntaxError(`this is no JSON: ${rest}`);
  return values;
}

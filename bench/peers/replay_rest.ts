/**
 * The ceiling of REST: `Deno.serve` that reads the body and answers recorded bytes by the method.
 * Arguments: port, recording (a JSON file).
 */
interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

const [port = "", file = ""] = Deno.args;
const answers: Record<string, Answer> = JSON.parse(Deno.readTextFileSync(file));

Deno.serve({ hostname: "127.0.0.1", port: Number(port) }, async (request) => {
  if (request.method !== "GET") await request.arrayBuffer();
  const answer = answers[request.method];
  return answer === undefined ? new Response(null, { status: 405 }) : new Response(
    answer.body,
    answer,
  );
});

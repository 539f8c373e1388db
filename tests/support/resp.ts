const decoder = new TextDecoder();

interface Reply {
  readonly text: string;
  readonly isError: boolean;
  /** Where the next reply begins. */
  readonly end: number;
}

/** Parses the RESP2 reply at `start`; undefined while it is incomplete. */
function parseReply(bytes: Uint8Array, start: number): Reply | undefined {
  const lineEnd = bytes.indexOf(13, start);
  if (lineEnd < 0 || lineEnd + 2 > bytes.length) return undefined;
  const kind = String.fromCharCode(bytes[start] ?? 0);
  const line = decoder.decode(bytes.subarray(start + 1, lineEnd));
  const end = lineEnd + 2;
  if (kind === "*") return parseArray(bytes, { start: end, count: Number(line) });
  if (kind !== "$") return { text: line, isError: kind === "-", end };
  const length = Number(line);
  if (length < 0) return { text: "(nil)", isError: false, end };
  if (bytes.length < end + length + 2) return undefined;
  const text = decoder.decode(bytes.subarray(end, end + length));
  return { text, isError: false, end: end + length + 2 };
}

function parseArray(
  bytes: Uint8Array,
  options: { readonly start: number; readonly count: number },
): Reply | undefined {
  let end = options.start;
  const texts: string[] = [];
  for (let element = 0; element < options.count; element++) {
    const reply = parseReply(bytes, end);
    if (reply === undefined) return undefined;
    texts.push(reply.text);
    end = reply.end;
  }
  return { text: options.count < 0 ? "(nil)" : texts.join("\n"), isError: false, end };
}

function encodeCommand(args: readonly string[]): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const parts = args.map((arg) => `$${encoder.encode(arg).length}\r\n${arg}\r\n`);
  return encoder.encode(`*${args.length}\r\n${parts.join("")}`);
}

async function readReply(connection: Deno.Conn): Promise<Reply> {
  const chunk = new Uint8Array(65_536);
  let received = new Uint8Array();
  while (true) {
    const count = await connection.read(chunk);
    if (count === null) throw new Error("the server closed the connection without a reply");
    const longer = new Uint8Array(received.length + count);
    longer.set(received);
    longer.set(chunk.subarray(0, count), received.length);
    received = longer;
    const reply = parseReply(received, 0);
    if (reply !== undefined) return reply;
  }
}

/**
 * Sends `commands` to a Redis at 127.0.0.1 over one new connection and returns the last reply as
 * text: nil as "(nil)", the elements of an array on lines of their own. Throws on an error reply
 * and after `timeoutMs`.
 */
export async function callRedis(
  port: number,
  options: { readonly commands: readonly (readonly string[])[]; readonly timeoutMs: number },
): Promise<string> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    connection.close();
  }, options.timeoutMs);
  try {
    let text = "";
    for (const command of options.commands) {
      await connection.write(encodeCommand(command));
      const reply = await readReply(connection);
      if (reply.isError) throw new Error(`${command[0]} failed: ${reply.text}`);
      text = reply.text;
    }
    return text;
  } catch (cause) {
    if (!isLate) throw cause;
    throw new Error(`Redis did not answer within ${options.timeoutMs} ms`, { cause });
  } finally {
    clearTimeout(timer);
    if (!isLate) connection.close();
  }
}

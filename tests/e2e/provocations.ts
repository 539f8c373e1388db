import { randomText } from "./confidential.ts";
import { tokenMaker, type WatchfulClient } from "./watchful_client.ts";

const UTF8 = new TextEncoder();

/** Each way in which credentials can be bad, over both APIs. */
export async function showBadCredentials(client: WatchfulClient, secret: string): Promise<void> {
  const sign = tokenMaker(secret, client.hidden);
  const good = await sign({ sub: "mallory", namespace: "own", jti: randomText() });
  const [header = "", claims = "", signature = ""] = good.replace("Bearer ", "").split(".");
  const none = UTF8.encode('{"alg":"none"}').toBase64({ alphabet: "base64url" });
  const bad = [
    undefined,
    `Basic ${client.hidden.add("token", randomText())}`,
    `Bearer ${client.hidden.add("token", randomText())}`,
    client.hidden.add("token", randomText()),
    `Bearer ${header}.${claims}.${signature.slice(0, -4)}AAAA`,
    `Bearer ${header}.${claims.slice(0, -2)}.${signature}`,
    `Bearer ${none}.${claims}.`,
    `Bearer ${client.hidden.add("token", randomText(9000))}`,
    await tokenMaker(randomText(), client.hidden)({ namespace: "own" }),
    await sign({ namespace: "own", exp: 1 }),
    await sign({ namespace: "own", nbf: 4_000_000_000 }),
    await sign({ namespace: [randomText(60)].map((name) => `a:${name}`) }),
  ];
  for (const authorization of bad) {
    const credentials = authorization === undefined ? {} : { authorization };
    await client.rest("/api/v1/cache/own/k", { status: 401, ...credentials });
    await client.grpc("Get", { code: 16, request: { namespace: "own", key: "k" }, ...credentials });
  }
}

/** Requests that are refused for what they say, though the token is good. */
export async function askWrongly(client: WatchfulClient, authorization: string): Promise<void> {
  const key = client.content.add("key", randomText());
  const value = client.content.add("value", randomText());
  const own = "/api/v1/cache/own";
  const put = { method: "PUT", authorization };
  const post = { method: "POST", authorization };
  const json = JSON.stringify;
  const base64 = UTF8.encode(value).toBase64();

  await client.rest(`/api/v1/cache/other/${key}`, { status: 403, authorization });
  await client.rest("/api/v1/admin/rewrap/own", { status: 403, ...post });
  await client.rest(`${own}/${key}`, { status: 404, authorization });
  await client.rest(`/api/v2/${key}`, { status: 404, authorization });
  await client.rest(`${own}/${key}`, { status: 405, method: "PATCH", authorization });
  const text = { "content-type": "text/plain" };
  await client.rest(`${own}/${key}`, { status: 415, ...put, body: value, headers: text });

  await client.rest(`${own}/${key.repeat(20)}`, { status: 400, authorization });
  await client.rest(`${own}/${key}%ED%A0%80`, { status: 400, authorization });
  await client.rest(`/api/v1/cache/a:${key}/k`, { status: 400, authorization });
  await client.rest(`${own}/k?ttl_seconds=${key}`, {
    status: 400,
    ...put,
    body: value,
    headers: { "content-type": "application/octet-stream" },
  });
  const bodies = [
    `{"value":${value}}`,
    `${value}`,
    json({ value: `${value}!` }),
    json({ value: [value] }),
    json({ value: base64, ttl_seconds: value }),
    json({ value: base64, ttl_seconds: -1 }),
  ];
  for (const body of bodies) await client.rest(`${own}/${key}`, { status: 400, ...put, body });
  const large = json({ value: btoa(value.repeat(40_000)) });
  await client.rest(`${own}/${key}`, { status: 413, ...put, body: large });

  const manyKeys = json({ keys: Array.from({ length: 1001 }, (_, index) => `${key}${index}`) });
  await client.rest(`${own}/batch/get`, { status: 413, ...post, body: manyKeys });
  await client.rest(`${own}/batch/get`, { status: 400, ...post, body: json({ keys: key }) });

  // The pointer to a bad entry tells its sender which one it is; the log must not tell it.
  const named = randomText();
  const badEntry = json({ entries: { [named]: `${value}!` } });
  await client.rest(`${own}/batch/set`, { status: 400, ...post, body: badEntry });
  client.content.add("key", named);

  const request = { namespace: "own", key, value: UTF8.encode(value) };
  await client.grpc("Set", { code: 7, request: { ...request, namespace: "other" }, authorization });
  const invalid = [
    { ...request, key: key.repeat(20) },
    { ...request, namespace: `a:${key}` },
    { ...request, ttl_seconds: -1 },
    UTF8.encode(`\xff${value}`),
  ];
  for (const request of invalid) await client.grpc("Set", { code: 3, request, authorization });
  const tooLarge = { ...request, value: UTF8.encode(value.repeat(40_000)) };
  await client.grpc("Set", { code: 8, request: tooLarge, authorization });
}

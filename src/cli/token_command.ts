import { SignJWT } from "jose";
import { type Config, ConfigFaults, parseConfig } from "../config.ts";
import { duration, namespaceOrAll, oneOf } from "../config/parsers.ts";
import { type Arguments, command, UsageError } from "./arguments.ts";
import { EXIT } from "./exit_code.ts";
import { faultMessage } from "./load_config.ts";
import { parseOption } from "./option_value.ts";
import { readSigningKey } from "./signing_key.ts";
import { complain, print } from "./terminal.ts";

const lifetime = duration({ minMs: 1000, maxMs: 30 * 24 * 3_600_000 });
const scope = oneOf("cache:read", "cache:write", "cache:admin");

const OPTIONS = {
  namespace: { value: "NAME", about: "what the token may touch, several times; '*' is all" },
  scope: { value: "SCOPE", about: "cache:read, cache:write or cache:admin, several times" },
  expires: { value: "DURATION", about: "how long it is valid, 1s to 720h; 1h by default" },
  subject: { value: "NAME", about: "whom the log names; development by default" },
  issuer: { value: "TEXT", about: "the iss; AUTH_JWT_ISSUER by default" },
  audience: { value: "TEXT", about: "the aud; AUTH_JWT_AUDIENCE by default" },
  "key-file": { value: "FILE", about: "private key (PEM: Ed25519, RSA or EC) that signs it" },
  kid: { value: "ID", about: "name of that key in a JSON Web Key Set" },
};
type TokenArguments = Arguments<keyof typeof OPTIONS>;

/** Signs a token; it goes to standard output alone, so that a shell can take it. */
export const TOKEN = command({
  name: "token",
  about: "sign a development token (JWT)",
  options: OPTIONS,
  notes:
    `Without --key-file it is signed with AUTH_JWT_SECRET (or AUTH_JWT_SECRET_FILE) by HS256. A token
without --scope may read and write its namespaces.

Examples:
  export AUTH_JWT_SECRET_FILE=jwt_secret
  cache-service token --namespace demo
  cache-service token --namespace '*' --scope cache:read --expires 10m
  cache-service token --namespace demo --key-file private.pem
  curl -H "Authorization: Bearer $(cache-service token --namespace demo)" \\
    http://127.0.0.1:8080/api/v1/cache/demo/greeting`,
  run: runToken,
});

async function runToken(args: TokenArguments): Promise<number> {
  const claims = claimsOf(args);
  const keyFile = args.value("key-file");
  const kid = args.value("kid");
  if (kid !== undefined && keyFile === undefined) throw new UsageError("--kid needs --key-file.");
  const auth = signingSettings(Deno.env.toObject(), { withSecret: keyFile === undefined });
  if (auth instanceof ConfigFaults) {
    complain(faultMessage(auth));
    return EXIT.configuration;
  }
  const { key, algorithm } = keyFile === undefined ? sharedKey(auth) : readSigningKey(keyFile);
  const payload: Record<string, unknown> = {
    ...claims,
    iss: args.value("issuer") ?? auth.jwtIssuer,
    aud: args.value("audience") ?? auth.jwtAudience,
  };
  const header = { alg: algorithm, typ: "JWT", ...(kid === undefined ? {} : { kid }) };
  print(await new SignJWT(payload).setProtectedHeader(header).sign(key));
  return EXIT.done;
}

/** What the token says of its bearer and of its time; undefined members are left out of it. */
function claimsOf(args: TokenArguments): Record<string, unknown> {
  const namespaces = args.values("namespace")
    .map((text) => parseOption(text, { name: "namespace", kind: namespaceOrAll }));
  if (namespaces.length === 0) {
    throw new UsageError("A token without --namespace opens nothing; '*' opens all namespaces.");
  }
  const scopes = args.values("scope").map((text) =>
    parseOption(text, { name: "scope", kind: scope })
  );
  const lifetimeMs = parseOption(args.value("expires") ?? "1h", {
    name: "expires",
    kind: lifetime,
  });
  const issuedAt = Math.floor(Date.now() / 1000);
  return {
    sub: args.value("subject") ?? "development",
    namespace: namespaces.includes("*") ? "*" : namespaces,
    scopes: scopes.length === 0 ? undefined : scopes,
    iat: issuedAt,
    exp: issuedAt + Math.floor(lifetimeMs / 1000),
  };
}

/** The settings a token is signed with, checked as the service checks them; all others are open. */
function signingSettings(
  env: Readonly<Record<string, string>>,
  { withSecret }: { readonly withSecret: boolean },
): Config["auth"] | ConfigFaults {
  const names = ["AUTH_JWT_ISSUER", "AUTH_JWT_AUDIENCE"];
  if (withSecret) names.push("AUTH_JWT_SECRET", "AUTH_JWT_SECRET_FILE");
  const signing = Object.entries(env).filter(([name]) => names.includes(name));
  const parsed = parseConfig({
    ...Object.fromEntries(signing),
    AUTH_ENABLED: "false",
    CACHE_BACKEND: "memory",
    SERVER_HOST: "127.0.0.1",
  }, { readFile: (path) => Deno.readTextFileSync(path) });
  return parsed instanceof ConfigFaults ? parsed : parsed.config.auth;
}

function sharedKey({ jwtSecret }: Config["auth"]): { key: Uint8Array; algorithm: string } {
  if (jwtSecret === undefined) {
    throw new UsageError("Set AUTH_JWT_SECRET or AUTH_JWT_SECRET_FILE, or give --key-file.");
  }
  return { key: new TextEncoder().encode(jwtSecret.reveal()), algorithm: "HS256" };
}

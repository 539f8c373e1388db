import { createHash, createPublicKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { calculateJwkThumbprint } from "jose";
import { type Arguments, command, UsageError } from "./arguments.ts";
import { EXIT } from "./exit_code.ts";
import { readSigningKey, type SigningKey } from "./signing_key.ts";
import { complain, print } from "./terminal.ts";

const KINDS = ["secret", "encryption", "ed25519", "public"];
const KEY_BYTES = 32;

/** Makes keys; each goes to standard output alone, for a file or a secret store. */
export const KEYGEN = command({
  name: "keygen",
  about: "make a key: for tokens, or for sealed values",
  positionals: [KINDS.join("|")],
  options: {
    "key-file": { value: "FILE", about: "public: the private key (PEM)" },
    jwks: { about: "public: print a JSON Web Key Set instead of PEM" },
    kid: {
      value: "ID",
      about: "public --jwks: name of the key; its RFC 7638 thumbprint by default",
    },
  },
  notes: `  secret      for AUTH_JWT_SECRET: 32 random bytes, base64url
  encryption  for AUTH_ENCRYPTION_KEY: 32 random bytes, base64; the key id goes to standard error
  ed25519     a private key that signs tokens (PKCS#8 PEM), for \`token --key-file\`
  public      the public key of --key-file, for AUTH_JWT_PUBLIC_KEY_FILE or AUTH_JWKS_URL

Examples:
  umask 077
  cache-service keygen secret > jwt_secret
  cache-service keygen encryption > encryption_key
  cache-service keygen ed25519 > private.pem
  cache-service keygen public --key-file private.pem > public.pem
  cache-service keygen public --key-file private.pem --jwks > jwks.json`,
  run: runKeygen,
});

async function runKeygen(args: Arguments<"key-file" | "jwks" | "kid">): Promise<number> {
  const [kind = ""] = args.positionals;
  if (!KINDS.includes(kind)) {
    throw new UsageError(`keygen makes ${KINDS.join(", ")}; got ${JSON.stringify(kind)}.`);
  }
  const path = args.value("key-file");
  if (kind !== "public" && (path !== undefined || args.has("jwks") || args.has("kid"))) {
    throw new UsageError(`keygen ${kind} takes no option.`);
  }
  if (kind === "secret") print(randomBytes(KEY_BYTES).toString("base64url"));
  else if (kind === "encryption") printEncryptionKey();
  else if (kind === "ed25519") {
    const { privateKey } = generateKeyPairSync("ed25519");
    print(privateKey.export({ type: "pkcs8", format: "pem" }).toString().trimEnd());
  } else if (path === undefined) throw new UsageError("keygen public needs --key-file.");
  else await printPublicKey(readSigningKey(path), args);
  return EXIT.done;
}

function printEncryptionKey(): void {
  const key = randomBytes(KEY_BYTES);
  print(key.toString("base64"));
  // Entries name the key that sealed them by these bytes.
  complain(`key id ${createHash("sha256").update(key).digest("hex").slice(0, 8)}`);
}

async function printPublicKey(
  { key, algorithm }: SigningKey,
  args: Arguments<"jwks" | "kid">,
): Promise<void> {
  const publicKey = createPublicKey(key);
  if (!args.has("jwks")) {
    if (args.value("kid") !== undefined) throw new UsageError("--kid needs --jwks.");
    return print(publicKey.export({ type: "spki", format: "pem" }).toString().trimEnd());
  }
  const jwk = publicKey.export({ format: "jwk" });
  const kid = args.value("kid") ?? await calculateJwkThumbprint(publicKey);
  const member = { ...jwk, kid, alg: algorithm, use: "sig" };
  print(JSON.stringify({ keys: [member] }, undefined, 2));
}

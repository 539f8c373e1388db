import { SignJWT } from "jose";

/** The secret that the servers of this run check tokens with. */
export const JWT_SECRET: string = crypto.getRandomValues(new Uint8Array(32)).toHex();

/** A token that lives longer than a run. */
export const TOKEN: string = await new SignJWT({
  namespace: ["bench"],
  scopes: ["cache:read", "cache:write"],
})
  .setProtectedHeader({ alg: "HS256" })
  .setSubject("bench")
  .setIssuedAt()
  .setExpirationTime("1d")
  .sign(new TextEncoder().encode(JWT_SECRET));

/** What every request carries. */
export const AUTHORIZATION = `Bearer ${TOKEN}`;

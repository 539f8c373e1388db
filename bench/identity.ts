import { SignJWT } from "jose";

/** The secret that the servers of this run check tokens with. */
export const JWT_SECRET: string = crypto.getRandomValues(new Uint8Array(32)).toHex();

/** What every request carries; lives longer than a run. */
export const AUTHORIZATION: string = `Bearer ${await new SignJWT({
  namespace: ["bench"],
  scopes: ["cache:read", "cache:write"],
})
  .setProtectedHeader({ alg: "HS256" })
  .setSubject("bench")
  .setIssuedAt()
  .setExpirationTime("1d")
  .sign(new TextEncoder().encode(JWT_SECRET))}`;

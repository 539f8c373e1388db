import { type JWTPayload, SignJWT } from "jose";

/** A secret for `AUTH_JWT_SECRET`. */
export const JWT_SECRET = "a secret of the tests, long enough for HS512: 0123456789 0123456789 ";

/** Signs `claims` with HS256 and {@linkcode JWT_SECRET}; valid for an hour where they do not say. */
export function signToken(claims: JWTPayload = {}): Promise<string> {
  return new SignJWT({ exp: Math.floor(Date.now() / 1000) + 3600, ...claims })
    .setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(JWT_SECRET));
}

import { parseCertificates } from "./certificates.ts";

/** The text of a file of authorities. Rejects where it is not whole certificates in PEM, one or more. */
export async function readAuthority(path: string): Promise<string> {
  const pem = await Deno.readTextFile(path);
  parseCertificates(pem);
  return pem;
}

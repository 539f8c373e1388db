/** Files of a private certificate authority and of a certificate it signed for this host. */
export interface CertificateFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

async function openssl(folder: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", {
    args: [...args],
    cwd: folder,
    stdin: "null",
  }).output();
  if (!success) throw new Error(`openssl ${args[0]} failed: ${new TextDecoder().decode(stderr)}`);
}

/** Makes PEM files in `folder`, valid for two days, for 127.0.0.1 and localhost. */
export async function makeCertificates(folder: string): Promise<CertificateFiles> {
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await Deno.writeTextFile(
    `${folder}/server.ext`,
    "basicConstraints=CA:FALSE\nsubjectAltName=IP:127.0.0.1,DNS:localhost\n",
  );
  const ca = ["-subj", "/CN=cache-service test CA", "-keyout", "ca.key", "-out", "ca.crt"];
  await openssl(folder, ["req", "-x509", ...newKey, "-days", "2", ...ca]);
  const server = ["-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr"];
  await openssl(folder, ["req", ...newKey, ...server]);
  const signer = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"];
  await openssl(folder, [
    ...["x509", "-req", "-in", "server.csr", "-out", "server.crt"],
    ...signer,
    ...["-extfile", "server.ext"],
  ]);
  return {
    caFile: `${folder}/ca.crt`,
    certFile: `${folder}/server.crt`,
    keyFile: `${folder}/server.key`,
  };
}

import { X509Certificate } from "node:crypto";

const CERTIFICATES = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificates of a PEM text, the first by itself. Throws where it has none, or anything else. */
export function parseCertificates(pem: string): readonly [X509Certificate, ...X509Certificate[]] {
  const texts = pem.match(CERTIFICATES) ?? [];
  const isWhole = texts.length === pem.split("-----BEGIN ").length - 1;
  const [first, ...others] = texts.map(parseCertificate);
  if (first === undefined || !isWhole) {
    throw new Error("The certificate file is not a chain of whole PEM certificates.");
  }
  return [first, ...others];
}

function parseCertificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new Error("The certificate file holds what is no certificate.");
  }
}

import { EngineError, hasCode, messageOf, unavailable } from "../errors.ts";
import { TransientError } from "./retry.ts";

/** What Go's `net` says, which is what Docker's users know and scripts look for. */
const causes: Record<string, string> = {
  ECONNREFUSED: "connect: connection refused",
  ECONNRESET: "read: connection reset by peer",
  EHOSTUNREACH: "connect: no route to host",
  ENETUNREACH: "connect: network is unreachable",
  ETIMEDOUT: "i/o timeout",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "temporary failure in name resolution",
  UND_ERR_CONNECT_TIMEOUT: "i/o timeout",
  UND_ERR_HEADERS_TIMEOUT: "timeout awaiting response headers",
  UND_ERR_BODY_TIMEOUT: "timeout while reading body",
  UND_ERR_SOCKET: "unexpected EOF",
};

/** Certificates that no trust store accepts; the text after "x509: ". */
const certificateCauses: Record<string, string> = {
  CERT_HAS_EXPIRED: "certificate has expired or is not yet valid",
  CERT_NOT_YET_VALID: "certificate has expired or is not yet valid",
  DEPTH_ZERO_SELF_SIGNED_CERT: "certificate signed by unknown authority",
  SELF_SIGNED_CERT_IN_CHAIN: "certificate signed by unknown authority",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "certificate signed by unknown authority",
  UNABLE_TO_GET_ISSUER_CERT: "certificate signed by unknown authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "certificate signed by unknown authority",
  ERR_TLS_CERT_ALTNAME_INVALID: "certificate is not valid for this name",
};

/** Codes of a connection that may work the next time. */
const transient =
  /^(ECONNRESET|EPIPE|ETIMEDOUT|EAI_AGAIN|UND_ERR_(CONNECT|HEADERS|BODY)_TIMEOUT|UND_ERR_SOCKET)$/;

const plainAnswer = /wrong version number|packet length too long|ERR_SSL_WRONG_VERSION|record layer failure/i;

/** Why a request had no answer, as an error for the user; a TransientError around it when trying again may help. */
export function explainFailure(error: unknown, method: string, url: URL): EngineError | TransientError {
  if (error instanceof EngineError || error instanceof TransientError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const explained = unavailable(
    `${capitalize(method)} "${url.origin}${url.pathname}": ${reasonOf(error, code, url)}`,
    error,
  );
  return transient.test(code) ? new TransientError(explained) : explained;
}

function reasonOf(error: unknown, code: string, url: URL): string {
  if (url.protocol === "https:" && plainAnswer.test(`${code} ${messageOf(error)}`)) {
    return (
      "http: server gave HTTP response to HTTPS client; if that is meant, " +
      `add "${url.host}" to "insecure-registries" in daemon.json and send the daemon SIGHUP`
    );
  }
  const certificate = certificateCauses[code];
  if (certificate) {
    return (
      `x509: ${certificate} (${messageOf(error)})` +
      (certificate.endsWith("authority")
        ? `; put its CA certificate into /etc/docker/certs.d/${url.host}/ca.crt to trust it`
        : "")
    );
  }
  const known = causes[code];
  if (hasCode(error, "ENOTFOUND") || hasCode(error, "EAI_AGAIN"))
    return `dial tcp: lookup ${url.hostname}: ${known}`;
  const isDialing = known?.startsWith("connect:") || code === "UND_ERR_CONNECT_TIMEOUT";
  return known ? (isDialing ? `dial tcp ${url.host}: ${known}` : known) : messageOf(error) || code;
}

/** Go writes the method as a word. */
function capitalize(method: string): string {
  return method.charAt(0) + method.slice(1).toLowerCase();
}

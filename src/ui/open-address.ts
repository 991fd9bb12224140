import { isLoopbackHost } from "./listen.ts";

/**
 * What it means to listen there; undefined for an address that only this machine has, or with TLS.
 * @throws Error unless it is allowed
 */
export function explainOpenAddress(host: string, isTls: boolean, isAllowed: boolean): string | undefined {
  if (isLoopbackHost(host) || isTls) return undefined;
  if (!isAllowed)
    throw new Error(
      `listening on ${host} without TLS would send tokens and passwords unencrypted: give --tls-cert and --tls-key, listen on ` +
        "127.0.0.1, or pass --insecure-listen if that is what you want",
    );
  return (
    `WARNING: The page is served on ${host} without encryption. What is sent can be read and changed on the way,\n` +
    "         and a login is equivalent to root access on the engine's machine: see --tls-cert."
  );
}

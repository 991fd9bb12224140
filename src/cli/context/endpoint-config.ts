import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { hasCode, messageOf } from "../../errors.ts";
import type { Cli } from "../cli.ts";
import { parseBool } from "../flag.ts";
import { defaultContext } from "./choose.ts";
import { describeDefault } from "./current.ts";
import { type Context, getContext, readTlsMaterial, type TlsMaterial } from "./store.ts";

/** What `--docker` says of an endpoint, with what it is copied from. */
export interface EndpointConfig {
  host: string;
  skipsTlsVerify: boolean;
  tls: TlsMaterial;
}

export const endpointHelp = `Docker endpoint config:

NAME                DESCRIPTION
from                Copy named context's Docker endpoint configuration
host                Docker endpoint on which to connect
ca                  Trust certs signed only by this CA
cert                Path to TLS certificate file
key                 Path to TLS key file
skip-tls-verify     Skip TLS certificate validation`;

const keys = ["from", "host", "ca", "cert", "key", "skip-tls-verify"];

/** @throws Error in Docker's words */
export function readEndpoint(cli: Cli, given: Record<string, string>): EndpointConfig {
  try {
    const unknown = Object.keys(given).filter((key) => !keys.includes(key));
    if (unknown.length > 0) throw new Error(`unrecognized config key: ${unknown.join(", ")}`);
    if (given.from !== undefined) return copyEndpoint(cli, given.from);
    const material = Object.entries({ ca: given.ca, cert: given.cert, key: given.key });
    const tls = material.flatMap(([name, file]) =>
      file === undefined ? [] : [[`${name}.pem`, readFileSync(file)] as const],
    );
    checkMaterial(Object.fromEntries(tls));
    return {
      host: given.host ?? "",
      skipsTlsVerify: given["skip-tls-verify"] ? parseBool(given["skip-tls-verify"]) : false,
      tls: Object.fromEntries(tls),
    };
  } catch (error) {
    throw new Error(`unable to create docker endpoint config: ${explain(error)}`);
  }
}

/** @throws Error for what no connection could be made with */
function checkMaterial({ "ca.pem": ca, "cert.pem": cert, "key.pem": key }: TlsMaterial): void {
  const refuse = (why: string) =>
    new Error(`invalid docker endpoint options: failed to retrieve context tls info: ${why}`);
  try {
    if (ca) void new X509Certificate(ca);
  } catch {
    throw refuse("ca.pem seems invalid");
  }
  try {
    if (cert && key) createSecureContext({ cert, key });
  } catch (error) {
    throw refuse(messageOf(error));
  }
}

export function copyEndpoint(cli: Cli, name: string): EndpointConfig {
  const { host, skipsTlsVerify } = contextNamed(cli, name);
  return {
    host,
    skipsTlsVerify,
    tls: name === defaultContext ? {} : readTlsMaterial(cli.configFolder, name),
  };
}

/** The default one too. @throws Error in Docker's words */
export function contextNamed(cli: Cli, name: string): Context {
  return name === defaultContext ? describeDefault(cli) : getContext(cli.configFolder, name);
}

function explain(error: unknown): string {
  const { path } = error as { path?: string };
  return hasCode(error, "ENOENT") && path ? `open ${path}: no such file or directory` : messageOf(error);
}

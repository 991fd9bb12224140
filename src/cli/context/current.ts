import { defaultHost, type TlsFiles, usualHost } from "../../client/host.ts";
import { defaultContext } from "./choose.ts";
import { type Context, getContext, readTlsMaterial } from "./store.ts";

/** What nothing but the environment says. */
export function describeDefault({ env }: { env: Record<string, string | undefined> }): Context {
  return {
    name: defaultContext,
    description: "Current DOCKER_HOST based configuration",
    host: env.BERTH_HOST || env.DOCKER_HOST || usualHost(env),
    skipsTlsVerify: false,
  };
}

/** @throws Error in Docker's words */
export function findEndpoint(cli: { configFolder: string }, name: string): { host: string; tls?: TlsFiles } {
  let context: Context;
  try {
    context = getContext(cli.configFolder, name);
  } catch (error) {
    throw new Error(
      `Failed to initialize: unable to resolve docker endpoint: ${error instanceof Error ? error.message : error}`,
    );
  }
  const { "ca.pem": ca, "cert.pem": cert, "key.pem": key } = readTlsMaterial(cli.configFolder, name);
  const host = context.host || defaultHost;
  const hasTls = ca !== undefined || cert !== undefined || context.skipsTlsVerify;
  if (!hasTls || !/^(tcp|https?):/.test(host)) return { host };
  const files = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
  return { host, tls: { ...files, isVerified: !context.skipsTlsVerify } };
}

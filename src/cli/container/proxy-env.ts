import type { ProxyConfig } from "../config.ts";

const variables: Record<keyof ProxyConfig, string> = {
  httpProxy: "HTTP_PROXY",
  httpsProxy: "HTTPS_PROXY",
  ftpProxy: "FTP_PROXY",
  noProxy: "NO_PROXY",
  allProxy: "ALL_PROXY",
};

/** The environment that `proxies` of config.json gives to new containers, in both spellings; what is set already stays. */
export function proxyEnv(
  proxies: Record<string, ProxyConfig> | undefined,
  host: string,
  environment: readonly string[],
): string[] {
  const config = proxies?.[host] ?? proxies?.default ?? {};
  const isSet = (name: string) => environment.some((text) => text === name || text.startsWith(`${name}=`));
  return Object.entries(variables).flatMap(([key, name]) => {
    const value = config[key as keyof ProxyConfig];
    if (!value) return [];
    return [name, name.toLowerCase()]
      .filter((spelling) => !isSet(spelling))
      .map((spelling) => `${spelling}=${value}`);
  });
}

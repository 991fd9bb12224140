import { BlockList, isIP } from "node:net";
import type { ProxySettings } from "./connection.ts";

/** Reads the usual variables, of which the lower-case one wins. */
export function readProxyVariables(env: NodeJS.ProcessEnv): ProxySettings {
  const value = (name: string) => env[name.toLowerCase()] || env[name] || undefined;
  const [http, https] = [value("HTTP_PROXY"), value("HTTPS_PROXY")];
  return {
    ...(http && { http }),
    ...(https && { https }),
    exceptions: splitExceptions(value("NO_PROXY") ?? ""),
  };
}

export function splitExceptions(text: string): string[] {
  return text
    .split(",")
    .map((word) => word.trim())
    .filter(Boolean);
}

/** The settings as they may be shown: without the proxies' passwords, as Docker shows them. */
export function maskProxy({ http, https, exceptions }: ProxySettings): ProxySettings {
  const mask = (address: string) => address.replace(/\/\/[^@/]*@/, "//xxxxx:xxxxx@");
  return { ...(http && { http: mask(http) }), ...(https && { https: mask(https) }), exceptions };
}

/** The proxy for an address, as Go's `net/http` chooses it: never one for this machine itself. */
export function findProxy(proxies: ProxySettings, url: URL): string | undefined {
  const proxy = url.protocol === "https:" ? proxies.https : proxies.http;
  if (!proxy) return undefined;
  const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  const isOwn = host === "localhost" || matchesNetworks(host, ["127.0.0.0/8", "::1/128"]);
  if (isOwn || proxies.exceptions.some((exception) => matchesException(exception.toLowerCase(), host, port)))
    return undefined;
  return proxy.includes("://") ? proxy : `http://${proxy}`;
}

function matchesException(exception: string, host: string, port: string): boolean {
  if (exception === "*") return true;
  const [, name = exception, wantedPort] = /^(.*):(\d+)$/.exec(isIP(exception) ? "" : exception) ?? [];
  if (wantedPort && wantedPort !== port) return false;
  if (isIP(host)) return matchesNetworks(host, [name]);
  const suffix = name.replace(/^\*?\./, "");
  return host.endsWith(`.${suffix}`) || (host === suffix && !/^\*?\./.test(name));
}

/** Whether an IP address is one of these, or in one of these networks (CIDR). Words that are neither fit nothing. */
export function matchesNetworks(address: string, networks: readonly string[]): boolean {
  const family = isIP(address);
  if (family === 0) return false;
  const list = new BlockList();
  for (const network of networks) {
    const [base = "", length] = network.split("/");
    if (isIP(base) !== family) continue;
    const kind = family === 4 ? "ipv4" : "ipv6";
    if (length === undefined) list.addAddress(base, kind);
    else list.addSubnet(base, Number(length), kind);
  }
  return list.check(address, family === 4 ? "ipv4" : "ipv6");
}

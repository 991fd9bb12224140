import { readProxyVariables, splitExceptions } from "../distribution/proxies.ts";
import {
  defaultRegistrySettings,
  parseInsecure,
  parseMirrors,
  type RegistrySettings,
} from "../distribution/settings.ts";
import { invalid } from "../errors.ts";

/** As `flags.ts` has its table. */
export const registryTable = [
  [
    "certs",
    "list",
    "/etc/docker/certs.d",
    "Folder with certificates for registries, a folder HOST[:PORT] for each",
  ],
  ["http-proxy", "string", "", "Proxy for http addresses; else $HTTP_PROXY"],
  ["https-proxy", "string", "", "Proxy for https addresses; else $HTTPS_PROXY"],
  [
    "image-keep-compressed-layers",
    "string",
    "true",
    "Keep pulled layers compressed too, so that they are pushed unchanged",
  ],
  [
    "insecure-registry",
    "list",
    "127.0.0.0/8",
    "Host or network whose registries need no valid certificate, or no TLS",
  ],
  ["max-concurrent-downloads", "string", "3", "How many layers may download at a time"],
  ["max-concurrent-uploads", "string", "5", "How many layers may upload at a time"],
  ["max-download-attempts", "string", "5", "How often a layer's download is tried"],
  ["no-proxy", "string", "", "Hosts, domains and networks to reach without a proxy; else $NO_PROXY"],
  ["registry-mirror", "list", "", "Mirror of Docker Hub, or HOST=ADDRESS for one of another registry"],
] as const;

interface Given {
  list(name: string): string[];
  text(name: string): string | undefined;
}

/** What flags, the configuration file and the environment say of registries. @throws EngineError invalid */
export function readRegistrySettings({ list, text }: Given, env: NodeJS.ProcessEnv): RegistrySettings {
  const certificateFolders = list("certs");
  const variables = readProxyVariables(env);
  const [http, https, none] = [text("http-proxy"), text("https-proxy"), text("no-proxy")];
  return {
    ...defaultRegistrySettings,
    mirrors: parseMirrors(list("registry-mirror")),
    insecure: parseInsecure(list("insecure-registry")),
    ...(certificateFolders.length > 0 && { certificateFolders }),
    proxies: {
      ...variables,
      ...(http && { http: checkProxy(http) }),
      ...(https && { https: checkProxy(https) }),
      ...(none !== undefined && { exceptions: splitExceptions(none) }),
    },
    keepsCompressed: parseSwitch("image-keep-compressed-layers", text("image-keep-compressed-layers")),
    downloads: parseCount(
      "max-concurrent-downloads",
      text("max-concurrent-downloads"),
      defaultRegistrySettings.downloads,
    ),
    downloadAttempts: parseAttempts(text("max-download-attempts")),
    uploads: parseCount(
      "max-concurrent-uploads",
      text("max-concurrent-uploads"),
      defaultRegistrySettings.uploads,
    ),
  };
}

function checkProxy(address: string): string {
  const full = address.includes("://") ? address : `http://${address}`;
  if (!URL.canParse(full) || !/^https?:$/.test(new URL(full).protocol))
    throw invalid(`invalid proxy "${address}"`);
  return full;
}

function parseCount(name: string, value: string | undefined, otherwise: number): number {
  if (value === undefined) return otherwise;
  const count = Number(value);
  if (!/^\d+$/.test(value) || count < 1 || count > 1000) throw invalid(`invalid ${name}: ${value}`);
  return count;
}

/** 0 stands for the usual number, as in Docker. @throws EngineError invalid in dockerd's words */
function parseAttempts(given: string | undefined): number {
  if (given === undefined || given === "0") return defaultRegistrySettings.downloadAttempts;
  if (!/^\d{1,4}$/.test(given)) throw invalid(`invalid max download attempts: ${given}`);
  return Number(given);
}

function parseSwitch(name: string, value = "true"): boolean {
  if (value !== "true" && value !== "false")
    throw invalid(`invalid ${name}: ${value}: must be true or false`);
  return value === "true";
}

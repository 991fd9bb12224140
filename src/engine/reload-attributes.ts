import { hostname } from "node:os";
import { dockerHub, ownNetworks } from "../distribution/settings.ts";
import type { EngineConfig } from "./config.ts";

/** The configuration as Docker's event of a reload shows it: no password is among it. */
export function reloadAttributes(config: EngineConfig): Record<string, string> {
  const { debug, labels, defaultRuntime, runtimes, registries } = config;
  const { downloads, uploads, downloadAttempts, mirrors, insecure } = registries;
  return {
    name: hostname(),
    debug: String(debug),
    labels: JSON.stringify(labels),
    "live-restore": "true",
    "default-runtime": defaultRuntime,
    runtimes: Object.entries(runtimes)
      .map(([name, program]) => `${name}:${program}`)
      .join(" "),
    "max-concurrent-downloads": String(downloads),
    "max-concurrent-uploads": String(uploads),
    "max-download-attempts": String(downloadAttempts),
    "insecure-registries": JSON.stringify(insecure.filter((word) => !ownNetworks.includes(word))),
    "registry-mirrors": JSON.stringify((mirrors[dockerHub] ?? []).map((address) => `${address}/`)),
  };
}

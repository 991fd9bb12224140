import { invalid } from "../../errors.ts";
import type { ContainerConfig, HealthConfig } from "../../formats/docker-api/docker-api.ts";
import { parseMacAddress } from "../../formats/ip-address.ts";
import { parseSignal } from "../../formats/signal.ts";

/** Refuses what a config of its own cannot mean, in Docker's words. @throws EngineError invalid */
export function checkConfig(config: ContainerConfig): void {
  if (!config.Entrypoint?.length && !config.Cmd?.length) throw invalid("no command specified");
  const { WorkingDir: directory } = config;
  if (directory && !directory.startsWith("/"))
    throw invalid(`the working directory '${directory}' is invalid, it needs to be an absolute path`);
  for (const variable of config.Env ?? []) {
    if (variable.startsWith("=") || variable === "")
      throw invalid(`invalid environment variable: ${variable}`);
  }
  if (config.StopSignal) parseSignal(config.StopSignal);
  if (config.MacAddress && !parseMacAddress(config.MacAddress))
    throw invalid(`invalid config for network bridge: invalid MAC address ${config.MacAddress}`);
  if (config.Healthcheck) checkHealth(config.Healthcheck);
  for (const text of textsOf(config)) {
    if (text.includes("\0"))
      throw invalid(`invalid value ${JSON.stringify(text.slice(0, 128))}: it holds a NUL byte`);
  }
}

/** What ends up in system calls, where a NUL would end it early. */
function textsOf(config: ContainerConfig): string[] {
  const { Hostname, Domainname, User, WorkingDir, Env, Cmd, Entrypoint } = config;
  return [Hostname, Domainname, User, WorkingDir, ...(Env ?? []), ...(Cmd ?? []), ...(Entrypoint ?? [])];
}

const leastNanoseconds = 1_000_000;

function checkHealth(health: HealthConfig): void {
  for (const key of ["Interval", "Timeout", "StartPeriod", "StartInterval"] as const) {
    const value = health[key] ?? 0;
    if (value !== 0 && value < leastNanoseconds)
      throw invalid(`${key} in Healthcheck cannot be less than 1ms`);
  }
  if ((health.Retries ?? 0) < 0) throw invalid("Retries in Healthcheck cannot be negative");
}

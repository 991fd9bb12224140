import { invalid } from "../errors.ts";
import type { ContainerConfig, EndpointSettings, HostConfig } from "../formats/docker-api.ts";
import { checkRestartPolicy } from "../formats/restart-policy.ts";
import { parseSignal } from "../formats/signal.ts";
import { capabilitiesOf } from "../runtime/capabilities.ts";
import { checkResources } from "../runtime/resources.ts";
import { parseSecurityOptions } from "../runtime/security-options.ts";
import { type Containers, findContainer } from "./containers.ts";
import { checkLogConfig } from "./log-options.ts";
import { refuseUnsupported } from "./unsupported.ts";

/** Refuses at creation what could not be started, in Docker's words. @throws EngineError invalid, notImplemented */
export function checkRequest(
  containers: Containers,
  config: ContainerConfig,
  hostConfig: HostConfig,
  endpoints: Record<string, EndpointSettings>,
): void {
  checkConfig(config);
  if (!(hostConfig.Runtime in containers.settings.runtimes)) {
    throw invalid(`unknown or invalid runtime name: ${hostConfig.Runtime}`);
  }
  refuseUnsupported(config, hostConfig, endpoints);
  checkResources(hostConfig);
  checkRestartPolicy(hostConfig.RestartPolicy, hostConfig.AutoRemove);
  parseSecurityOptions(hostConfig.SecurityOpt ?? []);
  capabilitiesOf({ privileged: false, add: hostConfig.CapAdd ?? [], drop: hostConfig.CapDrop ?? [] });
  checkLogConfig(hostConfig.LogConfig);
  const { OomScoreAdj: score } = hostConfig;
  if (score < -1000 || score > 1000) {
    throw invalid(`Invalid value ${score}, range for oom score adj is [-1000, 1000]`);
  }
  checkNetworkMode(config, hostConfig);
  checkNamespaceModes(containers, hostConfig);
}

function checkConfig(config: ContainerConfig): void {
  if (!config.Entrypoint?.length && !config.Cmd?.length) throw invalid("no command specified");
  if (config.WorkingDir && !config.WorkingDir.startsWith("/")) {
    throw invalid(`invalid working directory: '${config.WorkingDir}' is not an absolute path`);
  }
  for (const variable of config.Env ?? []) {
    if (variable.startsWith("=") || variable === "")
      throw invalid(`invalid environment variable: ${variable}`);
  }
  if (config.StopSignal) parseSignal(config.StopSignal);
}

/** What belongs to a network namespace is for its owner to say. */
function checkNetworkMode(config: ContainerConfig, hostConfig: HostConfig): void {
  const refuse = (what: string) => {
    throw invalid(`conflicting options: ${what}`);
  };
  if (config.Hostname && hostConfig.UTSMode === "host") refuse("hostname and the UTS mode");
  if (!hostConfig.NetworkMode.startsWith("container:")) return;
  if (config.Hostname) refuse("hostname and the network mode");
  if (hostConfig.Dns?.length) refuse("dns and the network mode");
  if (hostConfig.ExtraHosts?.length) refuse("custom host-to-IP mapping and the network mode");
  if (Object.keys(hostConfig.PortBindings ?? {}).length > 0 || hostConfig.PublishAllPorts) {
    refuse("port publishing and the container type network mode");
  }
}

/**
 * @throws EngineError invalid, also for the container that is not there: "not found" would make Docker's client look for the
 * image
 */
function checkNamespaceModes(containers: Containers, { IpcMode, PidMode, UTSMode }: HostConfig): void {
  const isMode = (mode: string, names: string[]) => {
    return names.includes(mode) || /^container:./.test(mode);
  };
  if (!isMode(IpcMode, ["", "none", "private", "shareable", "host"])) {
    throw invalid(`invalid IPC mode: ${IpcMode}`);
  }
  if (!isMode(PidMode, ["", "host"])) throw invalid(`invalid PID mode: ${PidMode}`);
  if (!["", "host"].includes(UTSMode)) throw invalid(`invalid UTS mode: ${UTSMode}`);
  for (const mode of [IpcMode, PidMode]) {
    const [, name] = /^container:(.*)$/.exec(mode) ?? [];
    if (name && !findContainer(containers, name)) throw invalid(`No such container: ${name}`);
  }
}

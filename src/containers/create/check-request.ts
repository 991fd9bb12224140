import { isIP } from "node:net";
import { invalid } from "../../errors.ts";
import { parseContainerPort, parseHostPort } from "../../formats/container-port.ts";
import type { ContainerConfig, EndpointSettings, HostConfig } from "../../formats/docker-api/docker-api.ts";
import { findModeContainer } from "../../formats/namespace-mode.ts";
import { checkRestartPolicy } from "../../formats/restart-policy.ts";
import { capabilitiesOf } from "../../runtime/capabilities.ts";
import { expandSlice } from "../../runtime/cgroup-place.ts";
import { parseDeviceRule } from "../../runtime/devices.ts";
import { checkResources } from "../../runtime/resources.ts";
import { parseSecurityOptions } from "../../runtime/security-options.ts";
import { type Containers, findContainer } from "../containers.ts";
import { checkLogConfig } from "../logs/drivers.ts";
import { checkSizeLimit } from "../size-limit.ts";
import { checkUserNamespace } from "../user-namespace.ts";
import { checkConfig } from "./check-config.ts";

/** Refuses at creation what could not be started, in Docker's words. @throws EngineError invalid */
export function checkRequest(
  containers: Containers,
  config: ContainerConfig,
  hostConfig: HostConfig,
  endpoints: Record<string, EndpointSettings>,
): void {
  checkConfig(config);
  if (!Object.hasOwn(containers.settings.runtimes, hostConfig.Runtime)) {
    throw invalid(`unknown or invalid runtime name: ${hostConfig.Runtime}`);
  }
  checkHostConfig(hostConfig);
  if (containers.settings.cgroupDriver === "systemd" && hostConfig.CgroupParent)
    expandSlice(hostConfig.CgroupParent);
  checkSizeLimit(containers, hostConfig);
  checkResources(hostConfig);
  checkRestartPolicy(hostConfig.RestartPolicy, hostConfig.AutoRemove);
  parseSecurityOptions(hostConfig.SecurityOpt ?? []);
  capabilitiesOf({ privileged: false, add: hostConfig.CapAdd ?? [], drop: hostConfig.CapDrop ?? [] });
  checkLogConfig(hostConfig.LogConfig);
  checkNamespaceModes(containers, hostConfig);
  checkUserNamespace(containers, hostConfig);
  containers.networks.checkEndpoints(endpoints);
}

function checkHostConfig(hostConfig: HostConfig): void {
  if (hostConfig.ShmSize < 0) throw invalid("SHM size can not be less than 0");
  if (Object.hasOwn(hostConfig.Annotations ?? {}, "")) {
    throw invalid("invalid Annotations: the empty string is not permitted as an annotation key");
  }
  const { OomScoreAdj: score } = hostConfig;
  if (score < -1000 || score > 1000) {
    throw invalid(`Invalid value ${score}, range for oom score adj is [-1000, 1000]`);
  }
  for (const [key, bindings] of Object.entries(hostConfig.PortBindings ?? {})) {
    parseContainerPort(key);
    for (const { HostPort } of bindings ?? []) parseHostPort(HostPort);
  }
  for (const { PathOnHost, PathInContainer } of hostConfig.Devices ?? []) {
    const relative = [PathOnHost, PathInContainer].find((path) => path !== "" && !path.startsWith("/"));
    if (relative) throw invalid(`${relative} is not an absolute path`);
  }
  for (const entry of hostConfig.ExtraHosts ?? []) checkExtraHost(entry);
  for (const rule of hostConfig.DeviceCgroupRules ?? []) parseDeviceRule(rule);
}

function checkExtraHost(entry: string): void {
  const [, name, address = ""] = /^([^:=\s]+)[:=](\S+)$/.exec(entry) ?? [];
  if (!name) throw invalid(`bad format for add-host: "${entry}"`);
  if (address !== "host-gateway" && isIP(address.replace(/^\[(.*)\]$/, "$1")) === 0) {
    throw invalid(`invalid IP address in add-host: "${address}"`);
  }
}

/** What belongs to a network namespace is for its owner to say. `config` is the client's own: an image may expose ports. */
export function checkNetworkMode(config: ContainerConfig, hostConfig: HostConfig): void {
  const refuse = (what: string) => {
    throw invalid(`conflicting options: ${what}`);
  };
  if (config.Hostname && hostConfig.UTSMode === "host") refuse("hostname and the UTS mode");
  if (/^container:?$/.test(hostConfig.NetworkMode)) {
    throw invalid("invalid network mode: invalid container format container:<name|id>");
  }
  if (findModeContainer(hostConfig.NetworkMode) === undefined) return;
  if (config.Hostname) refuse("hostname and the network mode");
  if (hostConfig.Dns?.length) refuse("dns and the network mode");
  if (hostConfig.ExtraHosts?.length) refuse("custom host-to-IP mapping and the network mode");
  if (Object.keys(hostConfig.PortBindings ?? {}).length > 0 || hostConfig.PublishAllPorts) {
    refuse("port publishing and the container type network mode");
  }
  if (Object.keys(config.ExposedPorts ?? {}).length > 0) {
    refuse("port exposing and the container type network mode");
  }
}

/**
 * @throws EngineError invalid, also for the container that is not there: "not found" would make Docker's client look for the
 * image
 */
function checkNamespaceModes(containers: Containers, hostConfig: HostConfig): void {
  const { IpcMode, PidMode, UTSMode, CgroupnsMode, Isolation } = hostConfig;
  if (!["", "private", "host"].includes(CgroupnsMode)) {
    throw invalid(`invalid cgroup namespace mode: ${CgroupnsMode}`);
  }
  if (!["", "default"].includes(Isolation)) {
    throw invalid(`invalid isolation (${Isolation}): linux only supports 'default'`);
  }
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

import { lstatSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { hasCode, invalid } from "../errors.ts";
import { decodeDevice } from "../formats/device-number.ts";
import type { DeviceMapping } from "../formats/docker-api/docker-api.ts";
import type { OciDevice, OciDeviceRule, OciMount } from "./oci-spec.ts";

/** The device nodes and the cgroup rules of a container. */
export interface Devices {
  nodes: OciDevice[];
  /** The same devices where none can be made: each is the host's own at its place. */
  mounts: OciMount[];
  rules: OciDeviceRule[];
}

/** A device, and where the host has it. */
interface FoundDevice {
  source: string;
  node: OciDevice;
}

/**
 * Resolves `--device`; a directory stands for all devices in it.
 * @throws EngineError invalid when there is no such device
 */
export function resolveDevices(mappings: DeviceMapping[]): Devices {
  const found = mappings.flatMap((mapping) => {
    const { PathOnHost: path, PathInContainer: target, CgroupPermissions: access } = mapping;
    if (access && !/^[rwm]{1,3}$/.test(access)) throw invalid(`invalid device mode: ${access}`);
    return listDevices(path, target || path).map((device) => ({ ...device, access: access || "rwm" }));
  });
  return {
    nodes: found.map(({ node }) => node),
    mounts: found.map(({ source, node }) => bindDevice(source, node.path)),
    rules: found.map(({ node, access }) => ruleFor(node, access)),
  };
}

/** A device of the host, at its place in a container. */
export function bindDevice(source: string, destination: string): OciMount {
  return { destination, type: "bind", source, options: ["bind", "rprivate", "nosuid", "noexec"] };
}

/** Every device of the host, for `--privileged`. The standard ones and terminals come from the runtime. */
export function hostDevices(): OciDevice[] {
  const all = walk("/dev", "/dev").map(({ node }) => node);
  return all.filter(({ path }) => path !== "/dev/console" && path !== "/dev/ptmx");
}

function listDevices(path: string, target: string): FoundDevice[] {
  try {
    if (!statSync(path).isDirectory()) return [toDevice(path, target)];
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
    throw invalid(
      `error gathering device information while adding custom device "${path}": no such file or directory`,
    );
  }
  const found = walk(path, target);
  if (found.length === 0) throw notDevice(path);
  return found;
}

const notDevice = (path: string) =>
  invalid(`error gathering device information while adding custom device "${path}": not a device node`);

/** Mounts below /dev that hold no devices, however much else: anyone may write to shm. The names are those that runc passes over. */
const passedOver = new Set(["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"]);

function walk(folder: string, target: string): FoundDevice[] {
  return (unlessGone(() => readdirSync(folder)) ?? []).flatMap((name) => {
    const path = join(folder, name);
    const stat = unlessGone(() => lstatSync(path));
    if (stat?.isDirectory()) return passedOver.has(name) ? [] : walk(path, join(target, name));
    if (!stat?.isCharacterDevice() && !stat?.isBlockDevice()) return [];
    return unlessGone(() => toDevice(path, join(target, name))) ?? [];
  });
}

/** Devices come and go while their directory is read. */
function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

function toDevice(path: string, target: string): FoundDevice {
  const stat = statSync(path, { bigint: true });
  if (!stat.isCharacterDevice() && !stat.isBlockDevice()) {
    throw notDevice(path);
  }
  const node: OciDevice = {
    path: target,
    type: stat.isBlockDevice() ? "b" : "c",
    ...decodeDevice(stat.rdev),
    fileMode: Number(stat.mode) & 0o777,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
  };
  return { source: path, node };
}

function ruleFor(node: OciDevice, access: string): OciDeviceRule {
  return { allow: true, type: node.type, major: node.major, minor: node.minor, access };
}

/** `--device-cgroup-rule "c 42:* rmw"`. @throws EngineError invalid */
export function parseDeviceRule(text: string): OciDeviceRule {
  const match = /^([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})$/.exec(text);
  if (!match) throw invalid(`invalid device cgroup rule format: '${text}'`);
  const [, type, major, minor, access] = match;
  return {
    allow: true,
    type: type!,
    access: access!,
    ...(major !== "*" && { major: Number(major) }),
    ...(minor !== "*" && { minor: Number(minor) }),
  };
}

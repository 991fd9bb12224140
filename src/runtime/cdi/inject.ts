import { type BigIntStats, lstatSync } from "node:fs";
import { hasCode, internal, messageOf } from "../../errors.ts";
import { decodeDevice } from "../../formats/device-number.ts";
import type { OciDevice, OciDeviceRule, OciHook, OciHooks, OciIntelRdt, OciMount } from "../oci-spec.ts";
import type { CdiDeviceNode, CdiHook, CdiMount, ContainerEdits } from "./cdi-spec.ts";
import type { CdiListing } from "./read-directories.ts";

/** What devices add to a container, with the numbers of their nodes looked up. */
export interface DeviceEdits {
  /** `NAME=VALUE`; they win over the container's own. */
  env: string[];
  /** They win over others at the same path. */
  nodes: OciDevice[];
  /** Where the host has those of another name there. By the node's path. */
  nodeSources?: Map<string, string>;
  rules: OciDeviceRule[];
  /** The container's own win where both have one destination. */
  mounts: OciMount[];
  hooks: OciHooks;
  additionalGids: number[];
  intelRdt?: OciIntelRdt;
}

export const noEdits = (): DeviceEdits => {
  return { env: [], nodes: [], rules: [], mounts: [], hooks: {}, additionalGids: [] };
};

/** Adds what the devices of these full names say. @throws EngineError internal in Docker's words */
export function injectCdiDevices(
  edits: DeviceEdits,
  { devices }: CdiListing,
  names: readonly string[],
): void {
  const byName = new Map(devices.map((device) => [device.name, device]));
  const unknown = names.filter((name) => !byName.has(name));
  if (unknown.length > 0)
    throw internal(`CDI device injection failed: unresolvable CDI devices ${unknown.join(", ")}`);
  const files = new Set<string>();
  try {
    for (const name of names) {
      const device = byName.get(name);
      if (!device) continue;
      if (!files.has(device.path)) addEdits(edits, device.sharedEdits);
      files.add(device.path);
      addEdits(edits, device.edits);
    }
  } catch (error) {
    throw internal(`CDI device injection failed: failed to inject devices: ${messageOf(error)}`, error);
  }
}

function addEdits(edits: DeviceEdits, given: ContainerEdits): void {
  edits.env.push(...(given.env ?? []));
  for (const node of given.deviceNodes ?? []) addNode(edits, node);
  for (const mount of given.mounts ?? []) addMount(edits, mount);
  for (const hook of given.hooks ?? []) addHook(edits, hook);
  edits.additionalGids.push(...(given.additionalGids ?? []).filter((gid) => gid !== 0));
  if (given.intelRdt) edits.intelRdt = withoutEmpty(given.intelRdt);
}

function addNode(edits: DeviceEdits, given: CdiDeviceNode): void {
  const { path, hostPath, permissions, fileMode = 0o666, uid = 0, gid = 0 } = given;
  edits.nodeSources ??= new Map();
  edits.nodeSources.set(path, hostPath || path);
  const node: OciDevice = { path, ...numbersOf(given), fileMode, uid, gid };
  edits.nodes = [...edits.nodes.filter((other) => other.path !== path), node];
  if (node.type === "p") return;
  const { type, major, minor } = node;
  edits.rules.push({ allow: true, type, major, minor, access: permissions || "rwm" });
}

/** What the document leaves out is asked of the device on this machine. */
function numbersOf(given: CdiDeviceNode): Pick<OciDevice, "type" | "major" | "minor"> {
  const { path, hostPath, major, minor } = given;
  // "u" is a character device without a buffer, which Linux does not tell apart.
  const type = given.type === "u" ? "c" : given.type;
  if (type !== "" && (major !== 0 || type === "p")) return { type: type as OciDevice["type"], major, minor };
  const source = hostPath || path;
  const stat = statDevice(source);
  const found = stat.isBlockDevice() ? "b" : stat.isCharacterDevice() ? "c" : stat.isFIFO() ? "p" : undefined;
  if (!found) throw new Error(`failed to stat CDI host device ${JSON.stringify(source)}: not a device node`);
  if (type !== "" && type !== found)
    throw new Error(
      `CDI device (${JSON.stringify(path)}, ${JSON.stringify(source)}), host type mismatch (${type}, ${found})`,
    );
  return { type: found, ...(found === "p" ? { major: 0, minor: 0 } : decodeDevice(stat.rdev)) };
}

function statDevice(path: string): BigIntStats {
  try {
    return lstatSync(path, { bigint: true });
  } catch (error) {
    const why = hasCode(error, "ENOENT") ? "no such file or directory" : messageOf(error);
    throw new Error(`failed to stat CDI host device ${JSON.stringify(path)}: ${why}`, { cause: error });
  }
}

function addMount(edits: DeviceEdits, { hostPath, containerPath, type, options }: CdiMount): void {
  const given = options ?? [];
  const isBind = given.includes("bind") || given.includes("rbind");
  const mount: OciMount = {
    destination: containerPath,
    source: hostPath,
    type: isBind ? "bind" : type || "bind",
    // Without a type, a path of the host can be nothing but bound.
    options: isBind || type ? given : ["rbind", ...given],
  };
  // The first at a place counts, and of two documents the last.
  edits.mounts = [...edits.mounts.filter(({ destination }) => destination !== containerPath), mount];
}

function addHook(edits: DeviceEdits, { hookName, path, args, env, timeout }: CdiHook): void {
  const hook: OciHook = {
    path,
    ...(args && { args }),
    ...(env && { env }),
    ...(timeout !== undefined && { timeout }),
  };
  const name = hookName as keyof OciHooks;
  edits.hooks[name] = [...(edits.hooks[name] ?? []), hook];
}

function withoutEmpty(given: NonNullable<ContainerEdits["intelRdt"]>): OciIntelRdt {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== "" && value !== false));
}

import { invalid, messageOf } from "../../errors.ts";
import type { CdiDeviceNode, CdiHook, CdiSpec, ContainerEdits } from "./cdi-spec.ts";

/** @throws EngineError invalid, in the words of the specification's own library */
export function checkCdiSpec(spec: CdiSpec): void {
  checkVersion(spec);
  const { vendor, className } = splitKind(spec.kind);
  checkPart("vendor", vendor);
  checkPart("class", className);
  checkEdits(spec.containerEdits);
  const names = new Set<string>();
  for (const { name, containerEdits } of spec.devices ?? []) {
    try {
      checkDeviceName(name);
      if (isEmpty(containerEdits)) throw invalid("invalid device, empty device edits");
      checkEdits(containerEdits);
    } catch (error) {
      throw invalid(`failed to add device ${JSON.stringify(name)}: ${messageOf(error)}`, error);
    }
    if (names.has(name)) throw invalid(`invalid spec, multiple device ${JSON.stringify(name)}`);
    names.add(name);
  }
  if (names.size === 0) throw invalid("invalid spec, no devices");
}

const versions = ["0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "1.0.0"];

/** A document may use nothing that came after the version that it names. */
function checkVersion(spec: CdiSpec): void {
  const given = versions.indexOf(spec.cdiVersion.replace(/^v/, ""));
  if (given < 0) throw invalid(`invalid version ${JSON.stringify(spec.cdiVersion)}`);
  const needed = versions.indexOf(neededVersion(spec));
  if (given < needed) throw invalid(`the spec version must be at least v${versions[needed]}`);
}

function neededVersion({ kind, annotations, devices, containerEdits }: CdiSpec): string {
  const given = devices ?? [];
  const all = [containerEdits, ...given.map((one) => one.containerEdits)];
  if (all.some(({ intelRdt, additionalGids }) => intelRdt || additionalGids?.length)) return "0.7.0";
  const annotated = [annotations, ...given.map((one) => one.annotations)];
  if (annotated.some((one) => Object.keys(one ?? {}).length > 0)) return "0.6.0";
  if (splitKind(kind).className.includes(".")) return "0.6.0";
  if (given.some(({ name }) => /^[^a-zA-Z]/.test(name))) return "0.5.0";
  if (all.some(({ deviceNodes }) => deviceNodes?.some(({ hostPath }) => hostPath))) return "0.5.0";
  return all.some(({ mounts }) => mounts?.some(({ type }) => type)) ? "0.4.0" : "0.3.0";
}

/** `vendor.com/class`; a vendor that is missing is "". */
function splitKind(kind: string): { vendor: string; className: string } {
  const at = kind.indexOf("/");
  return at < 0
    ? { vendor: "", className: kind }
    : { vendor: kind.slice(0, at), className: kind.slice(at + 1) };
}

function checkPart(what: "vendor" | "class", name: string): void {
  const wrong = (why: string) => invalid(`invalid ${what}: ${why}`);
  if (name === "") throw wrong("empty name");
  const shown = JSON.stringify(name);
  if (!/^[a-zA-Z]/.test(name)) throw wrong(`${shown} should start with a letter`);
  const [stranger] = /[^a-zA-Z0-9_.-]/.exec(name) ?? [];
  if (stranger) throw wrong(`invalid character '${stranger}' in name ${shown}`);
  if (!/[a-zA-Z0-9]$/.test(name)) throw wrong(`${shown} should end with a letter or digit`);
}

function checkDeviceName(name: string): void {
  const shown = JSON.stringify(name);
  if (name === "") throw invalid("invalid (empty) device name");
  if (!/^[a-zA-Z0-9]/.test(name))
    throw invalid(`invalid device name ${shown}, should start with a letter or digit`);
  const [stranger] = /[^a-zA-Z0-9_.:-]/.exec(name) ?? [];
  if (stranger) throw invalid(`invalid character '${stranger}' in device name ${shown}`);
  if (!/[a-zA-Z0-9]$/.test(name)) throw invalid(`invalid name ${shown}, should end with a letter or digit`);
}

function isEmpty({ env, deviceNodes, hooks, mounts, additionalGids, intelRdt }: ContainerEdits): boolean {
  return !intelRdt && [env, deviceNodes, hooks, mounts, additionalGids].every((one) => !one?.length);
}

function checkEdits({ env, deviceNodes, hooks, mounts, intelRdt }: ContainerEdits): void {
  checkEnv(env, "invalid container edits");
  for (const node of deviceNodes ?? []) checkNode(node);
  for (const hook of hooks ?? []) checkHook(hook);
  for (const { hostPath, containerPath } of mounts ?? []) {
    if (hostPath === "") throw invalid("invalid mount, empty host path");
    if (containerPath === "") throw invalid("invalid mount, empty container path");
    checkAbsolute(containerPath, "invalid mount");
  }
  const id = intelRdt?.closID ?? "";
  if (id.length >= 4096 || id === "." || id === ".." || /[/\n]/.test(id)) throw invalid("invalid ClosID");
}

function checkEnv(env: readonly string[] | null, where: string): void {
  const wrong = env?.find((variable) => !/^[^=\0]+=[^\0]*$/.test(variable));
  if (wrong !== undefined) throw invalid(`${where}: invalid environment variable ${JSON.stringify(wrong)}`);
}

function checkNode({ path, hostPath, type, permissions }: CdiDeviceNode): void {
  if (path === "") throw invalid("invalid (empty) device path");
  checkAbsolute(path, "invalid device");
  if (hostPath !== "") checkAbsolute(hostPath, "invalid device");
  const shown = `device ${JSON.stringify(path)}`;
  if (!["", "b", "c", "u", "p"].includes(type))
    throw invalid(`${shown}: invalid type ${JSON.stringify(type)}`);
  if (!/^[rwm]*$/.test(permissions))
    throw invalid(`${shown}: invalid permissions ${JSON.stringify(permissions)}`);
}

export const hookNames = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const;

function checkHook({ hookName, path, env, timeout }: CdiHook): void {
  const shown = JSON.stringify(hookName);
  if (!hookNames.some((name) => name === hookName)) throw invalid(`invalid hook name ${shown}`);
  if (path === "") throw invalid(`invalid hook ${shown} with empty path`);
  checkAbsolute(path, `invalid hook ${shown}`);
  checkEnv(env, `invalid hook ${shown}`);
  if (timeout !== undefined && timeout <= 0) throw invalid(`invalid hook ${shown}: timeout must be positive`);
}

function checkAbsolute(path: string, where: string): void {
  if (!path.startsWith("/") || path.includes("\0"))
    throw invalid(`${where}: ${JSON.stringify(path)} is not an absolute path`);
}

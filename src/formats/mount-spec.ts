import { parseCsvLine } from "./csv.ts";
import type { MountSpec } from "./docker-api/docker-api.ts";
import { parseSize } from "./units.ts";

type Draft = {
  -readonly [Key in keyof MountSpec]: MountSpec[Key];
};

/**
 * Parses `--mount`: `type=bind,source=/a,target=/b,readonly`; a relative source starting with a dot is made absolute with
 * `resolve`. @throws Error in Docker's words
 */
export function parseMountSpec(text: string, resolve: (path: string) => string): MountSpec {
  if (text === "") throw new Error("EOF");
  const mount: Draft = { Type: "volume", Target: "" };
  for (const field of parseCsvLine(text)) {
    const equals = field.indexOf("=");
    const key = (equals === -1 ? field : field.slice(0, equals)).trim().toLowerCase();
    const value = equals === -1 ? undefined : field.slice(equals + 1);
    applyField(mount, key, value, field, resolve);
  }
  checkMount(mount);
  return mount;
}

const switches = new Set(["readonly", "ro", "volume-nocopy", "bind-nonrecursive", "bind-create-src"]);

function applyField(
  mount: Draft,
  key: string,
  given: string | undefined,
  field: string,
  resolve: (path: string) => string,
): void {
  if (given === undefined && !switches.has(key))
    throw new Error(`invalid field '${field}' must be a key=value pair`);
  const value = given ?? "true";
  const isOn = switches.has(key) && parseSwitch(key, value);
  switch (key) {
    case "type":
      mount.Type = value.toLowerCase() as MountSpec["Type"];
      return;
    case "source":
    case "src":
      mount.Source = /^\.{1,2}(\/|$)/.test(value) ? resolve(value) : value;
      return;
    case "target":
    case "dst":
    case "destination":
      mount.Target = value;
      return;
    case "readonly":
    case "ro":
      if (isOn) mount.ReadOnly = true;
      return;
    case "consistency":
      mount.Consistency = value.toLowerCase();
      return;
    case "image-subpath":
      mount.ImageOptions = { Subpath: value };
      return;
    case "tmpfs-size":
      mount.TmpfsOptions = { ...mount.TmpfsOptions, SizeBytes: parseTmpfsSize(value, field) };
      return;
    case "tmpfs-options":
      mount.TmpfsOptions = { ...mount.TmpfsOptions, Options: parseTmpfsOptions(value) };
      return;
    case "tmpfs-mode":
      if (!/^[0-7]+$/.test(value)) throw new Error(`invalid value for ${key}: ${value}`);
      mount.TmpfsOptions = { ...mount.TmpfsOptions, Mode: Number.parseInt(value, 8) };
      return;
    default:
      if (key.startsWith("bind-")) applyBindField(mount, key, value, isOn, field);
      else if (key.startsWith("volume-")) applyVolumeField(mount, key, value, isOn, field);
      else throw new Error(`unexpected key '${key}' in '${field}'`);
  }
}

function parseTmpfsSize(value: string, field: string): number {
  try {
    return parseSize(value);
  } catch {
    throw new Error(`invalid value for tmpfs-size: ${field.slice(field.indexOf("=") + 1)}`);
  }
}

/** `exec`, `noexec`, `NAME=VALUE`, … as the API has them: one list each. */
function parseTmpfsOptions(value: string): string[][] {
  return value.split(",").map((option) => {
    const equals = option.indexOf("=");
    return equals === -1 ? [option] : [option.slice(0, equals), option.slice(equals + 1)];
  });
}

function parseSwitch(key: string, value: string): boolean {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(value)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(value)) return false;
  throw new Error(`invalid value for ${key}: ${value}`);
}

function applyBindField(mount: Draft, key: string, value: string, isOn: boolean, field: string): void {
  const options = { ...mount.BindOptions };
  switch (key) {
    case "bind-propagation":
      options.Propagation = value.toLowerCase();
      break;
    case "bind-nonrecursive":
      options.NonRecursive = isOn;
      break;
    case "bind-create-src":
      options.CreateMountpoint = isOn;
      break;
    case "bind-recursive":
      if (value === "disabled") options.NonRecursive = true;
      else if (value === "writable") options.ReadOnlyNonRecursive = true;
      else if (value === "readonly") options.ReadOnlyForceRecursive = true;
      else if (value !== "enabled") {
        throw new Error(
          `invalid value for ${key}: ${value} (must be "enabled", "disabled", "writable", or "readonly")`,
        );
      }
      break;
    default:
      throw new Error(`unexpected key '${key}' in '${field}'`);
  }
  mount.BindOptions = options;
}

function applyVolumeField(mount: Draft, key: string, value: string, isOn: boolean, field: string): void {
  const options = { ...mount.VolumeOptions };
  const at = value.indexOf("=");
  const pair = at === -1 ? { [value]: "" } : { [value.slice(0, at)]: value.slice(at + 1) };
  switch (key) {
    case "volume-nocopy":
      if (isOn) options.NoCopy = true;
      break;
    case "volume-label":
      options.Labels = { ...options.Labels, ...pair };
      break;
    case "volume-subpath":
      options.Subpath = value;
      break;
    case "volume-driver":
      options.DriverConfig = { ...options.DriverConfig, Name: value };
      break;
    case "volume-opt":
      options.DriverConfig = {
        ...options.DriverConfig,
        Options: { ...options.DriverConfig?.Options, ...pair },
      };
      break;
    default:
      throw new Error(`unexpected key '${key}' in '${field}'`);
  }
  mount.VolumeOptions = options;
}

function checkMount(mount: Draft): void {
  if ((mount.Type as string) === "") throw new Error("type is required");
  if (mount.Target === "") throw new Error("target is required");
  const refuse = (prefix: string) => {
    throw new Error(`cannot mix '${prefix}-*' options with mount type '${mount.Type}'`);
  };
  if (mount.VolumeOptions !== undefined && mount.Type !== "volume") refuse("volume");
  if (mount.BindOptions !== undefined && mount.Type !== "bind") refuse("bind");
  if (mount.TmpfsOptions !== undefined && mount.Type !== "tmpfs") refuse("tmpfs");
  if (mount.ImageOptions !== undefined && mount.Type !== "image") refuse("image");
  const { ReadOnlyNonRecursive, ReadOnlyForceRecursive, Propagation } = mount.BindOptions ?? {};
  const require = (mode: string, needed: string) => {
    throw new Error(`option 'bind-recursive=${mode}' requires '${needed}' to be specified in conjunction`);
  };
  if (ReadOnlyNonRecursive && !mount.ReadOnly) require("writable", "readonly");
  if (ReadOnlyForceRecursive && !mount.ReadOnly) require("readonly", "readonly");
  if (ReadOnlyForceRecursive && Propagation !== "rprivate") require("readonly", "bind-propagation=rprivate");
}

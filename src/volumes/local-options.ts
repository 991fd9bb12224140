import { invalid } from "../errors.ts";
import { parseSize } from "../formats/units.ts";

/** What a volume's directory is, by the options of Docker's `local` driver (type, o, device, size). */
export type LocalVolume = { kind: "directory"; sizeBytes: number | undefined } | LocalMount;

/** Something that is mounted at the directory while containers run with it. */
export interface LocalMount {
  kind: "mounted";
  /** File system, as mount(8) -t; "none" or anything else for a bind. */
  type: string;
  device: string;
  /** As mount(8) -o. */
  options: string;
}

const known = ["type", "o", "device", "size"];
/** With each of these come the others. */
const companions: [name: string, needed: string[]][] = [
  ["device", ["type"]],
  ["type", ["device"]],
  ["o", ["device", "type"]],
];

/** @throws invalid in Docker's words */
export function parseLocalOptions(options: Record<string, string>): LocalVolume {
  const given = new Map(Object.entries(options));
  for (const name of given.keys()) if (!known.includes(name)) throw invalid(`invalid option: "${name}"`);
  const sizeBytes = parseQuota(given.get("size"));
  for (const [name, needed] of companions) {
    const missing = given.has(name) && needed.find((one) => !given.has(one));
    if (missing) throw invalid(`missing required option: "${missing}"`);
  }
  const type = given.get("type");
  if (type === undefined) return { kind: "directory", sizeBytes };
  if (sizeBytes !== undefined)
    throw invalid('the option "size" is for volumes in a directory of this machine, not for what is mounted');
  const mount: LocalMount = {
    kind: "mounted",
    type,
    device: given.get("device") ?? "",
    options: given.get("o") ?? "",
  };
  if (isBind(mount) && mount.device !== "" && !mount.device.startsWith("/"))
    throw invalid(`invalid device for a bind volume: "${mount.device}" is not an absolute path`);
  return mount;
}

export function isReadOnly({ options }: LocalMount): boolean {
  return options.split(",").includes("ro");
}

function isBind({ options, type }: LocalMount): boolean {
  return type === "bind" || options.split(",").some((option) => option === "bind" || option === "rbind");
}

function parseQuota(size: string | undefined): number | undefined {
  if (size === undefined) return undefined;
  try {
    return parseSize(size);
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error), error);
  }
}

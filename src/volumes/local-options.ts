import { invalid, notImplemented } from "../errors.ts";

/** What a volume's directory is, by the options of Docker's `local` driver (type, o, device). */
type LocalKind =
  | { kind: "directory" }
  | { kind: "bind"; device: string; readOnly: boolean }
  | { kind: "tmpfs"; options: string };

const known = ["type", "o", "device"];
const networkTypes = ["nfs", "nfs4", "cifs", "smb3"];

/** @throws invalid, notImplemented */
export function parseLocalOptions(options: Record<string, string>): LocalKind {
  for (const name of Object.keys(options)) {
    if (name === "size")
      throw notImplemented("quota size is not supported by the file system of the volumes");
    if (!known.includes(name)) throw invalid(`invalid option: "${name}"`);
  }
  if (Object.keys(options).length === 0) return { kind: "directory" };
  const { type = "", o = "", device = "" } = options;
  const flags = o.split(",").filter((flag) => flag !== "");
  if (device === "") throw invalid('missing required option: "device"');
  if (flags.includes("bind") || flags.includes("rbind") || type === "bind") {
    if (!device.startsWith("/"))
      throw invalid(`invalid device for a bind volume: "${device}" is not an absolute path`);
    return { kind: "bind", device, readOnly: flags.includes("ro") };
  }
  if (type === "") throw invalid('missing required option: "type"');
  if (type === "tmpfs") return { kind: "tmpfs", options: o };
  if (networkTypes.includes(type)) throw notImplemented(`local volumes of type ${type} are not supported`);
  throw notImplemented(
    `local volumes of type ${type} are not supported: use tmpfs, or a bind of a mounted directory`,
  );
}

import { posix } from "node:path";
import { invalid } from "../errors.ts";

/** One entry of `HostConfig.Binds`: what a user typed after -v. */
export interface BindSpec {
  type: "bind" | "volume";
  /** Host path of a bind. */
  source?: string;
  /** Name of a volume; absent for an anonymous one. */
  name?: string;
  /** Absolute and cleaned. */
  target: string;
  /** The options as given, "" for none. */
  mode: string;
  readOnly: boolean;
  /** Only on a volume: no image content is copied into it. */
  noCopy: boolean;
  /** "rshared", …; "" when not given. */
  propagation: string;
}

const volumeNamePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
export const propagations: readonly string[] = [
  "private",
  "rprivate",
  "slave",
  "rslave",
  "shared",
  "rshared",
];
/** Options of which each group may be given once. */
const modeGroups = [
  ["ro", "rw"],
  ["z", "Z"],
  propagations,
  ["nocopy"],
  ["consistent", "cached", "delegated", "default"],
];

/** @throws invalid in Docker's words */
export function parseBind(text: string): BindSpec {
  const parts = text.split(":");
  if (parts.length > 3 || parts[0] === "") throw specError(text);
  const [first = "", second, third] = parts;
  if (second === undefined) return newSpec(text, undefined, first, "");
  if (third !== undefined) {
    if (!isMode(third)) throw invalid(`invalid mode: ${third}`);
    return newSpec(text, first, second, third);
  }
  // "/data:ro" is a volume without a name, "/host:/data" a bind.
  if (!second.startsWith("/") && isMode(second)) return newSpec(text, undefined, first, second);
  return newSpec(text, first, second, "");
}

/** @throws invalid when it could not be the name of a volume */
export function checkVolumeName(name: string): void {
  if (name.length < 2)
    throw invalid("volume name is too short, names should be at least two alphanumeric characters");
  if (!volumeNamePattern.test(name))
    throw invalid(
      `"${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. ` +
        "If you intended to pass a host directory, use absolute path",
    );
  if (name.length > 255) throw invalid(`volume name is too long: ${name.slice(0, 32)}…`);
}

/** The cleaned path. @throws invalid when nothing can be mounted there */
export function parseMountTarget(target: string, type: string): string {
  const wrong = (reason: string) => invalid(`invalid mount config for type "${type}": ${reason}`);
  if (target === "") throw wrong("field Target must not be empty");
  if (target.includes("\0")) throw wrong("invalid mount path");
  if (!target.startsWith("/")) throw wrong(`invalid mount path: '${target}' mount path must be absolute`);
  const clean = cleanPath(target);
  if (clean === "/") throw wrong("invalid specification: destination can't be '/'");
  return clean;
}

/** Without doubled or closing slashes, `.` and `..` taken lexically. */
export function cleanPath(path: string): string {
  const clean = posix.normalize(path);
  return clean.length > 1 && clean.endsWith("/") ? clean.slice(0, -1) : clean;
}

function newSpec(text: string, source: string | undefined, target: string, mode: string): BindSpec {
  const options = mode === "" ? [] : mode.split(",");
  const type = source?.startsWith("/") ? "bind" : "volume";
  const propagation = options.find((option) => propagations.includes(option)) ?? "";
  const noCopy = options.includes("nocopy");
  try {
    if (source === "" || source?.includes("\0")) throw invalid("field Source must not be empty");
    const foreign = type === "volume" ? propagation && "BindOptions" : noCopy && "VolumeOptions";
    if (foreign)
      throw invalid(`invalid mount config for type "${type}": field ${foreign} must not be specified`);
    return {
      type,
      ...(source !== undefined && (type === "bind" ? { source: cleanPath(source) } : { name: source })),
      target: parseMountTarget(target, type),
      mode,
      readOnly: options.includes("ro"),
      noCopy,
      propagation,
    };
  } catch (error) {
    throw specError(text, error);
  }
}

function isMode(mode: string): boolean {
  if (mode === "") return false;
  const counts = new Map<number, number>();
  for (const option of mode.split(",")) {
    const group = modeGroups.findIndex((options) => options.includes(option));
    if (group < 0 || counts.has(group)) return false;
    counts.set(group, 1);
  }
  return true;
}

function specError(text: string, cause?: unknown): Error {
  const reason = cause instanceof Error ? `: ${cause.message}` : "";
  return invalid(`invalid volume specification: '${text}'${reason}`, cause);
}

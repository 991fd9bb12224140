import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { messageOf } from "../../errors.ts";
import type { CdiDevice, CdiSpec, ContainerEdits } from "./cdi-spec.ts";
import { parseCdiSpec } from "./parse-spec.ts";

/** A device by its full name, with what a container that asks for it gets. */
export interface FoundDevice {
  /** `vendor.com/class=name` */
  name: string;
  /** The file that it comes from. */
  path: string;
  annotations: Record<string, string>;
  edits: ContainerEdits;
  /** Of the file: they come once, however many of its devices a container has. */
  sharedEdits: ContainerEdits;
}

export interface CdiListing {
  devices: FoundDevice[];
  problems: CdiProblem[];
}

/** What is wrong with a file. */
export interface CdiProblem {
  path: string;
  message: string;
}

/** Files by directory, in the order of the directories: what a later one says of a device counts. */
export type CdiFiles = readonly (readonly string[])[];

const largestFileBytes = 1 << 20;

/** Reads all files. One that is wrong takes none of the others with it. */
export function readCdiFiles(directories: CdiFiles): CdiListing {
  const devices = new Map<string, FoundDevice & { priority: number }>();
  const conflicts = new Set<string>();
  const problems: CdiProblem[] = [];
  for (const [priority, paths] of directories.entries()) {
    for (const path of paths) {
      const spec = readSpec(path, problems);
      for (const device of spec?.devices ?? []) {
        const found = { ...describe(spec as CdiSpec, device, path), priority };
        const other = devices.get(found.name);
        if (other?.priority === priority) {
          conflicts.add(found.name);
          for (const one of [path, other.path])
            problems.push({
              path: one,
              message: `conflicting device ${JSON.stringify(found.name)} (specs ${JSON.stringify(path)}, ${JSON.stringify(other.path)})`,
            });
        } else {
          devices.set(found.name, found);
          conflicts.delete(found.name);
        }
      }
    }
  }
  for (const name of conflicts) devices.delete(name);
  const all = [...devices.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { devices: all.map(({ priority: _, ...device }) => device), problems };
}

function describe(
  { kind, annotations, containerEdits }: CdiSpec,
  device: CdiDevice,
  path: string,
): FoundDevice {
  return {
    name: `${kind}=${device.name}`,
    path,
    annotations: { ...annotations, ...device.annotations },
    edits: device.containerEdits,
    sharedEdits: containerEdits,
  };
}

function readSpec(path: string, problems: CdiProblem[]): CdiSpec | undefined {
  try {
    return parseCdiSpec(readContent(path));
  } catch (error) {
    problems.push({ path, message: `failed to load CDI Spec: ${messageOf(error)}` });
    return undefined;
  }
}

function readContent(path: string): string {
  // A pipe would be waited for.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new Error("not a regular file");
    if (stat.size > largestFileBytes) throw new Error(`larger than ${largestFileBytes} bytes`);
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}

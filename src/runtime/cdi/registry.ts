import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { hasCode, messageOf } from "../../errors.ts";
import { createJobRunner, type JobRunner } from "../../sys/jobs.ts";
import type { CdiFiles, CdiListing, CdiProblem } from "./read-directories.ts";

/** The devices that vendors describe in the directories of the Container Device Interface, as they are now. */
export interface CdiRegistry {
  readonly directories: readonly string[];
  /** Never throws: what is wrong with a file, or with a directory, is among the problems. */
  list(): Promise<CdiListing>;
  close(): Promise<void>;
}

const mostFiles = 1000;
const mostBytes = 8n << 20n;
const longestMilliseconds = 10_000;
const nothing: CdiListing = { devices: [], problems: [] };

/** Files are read in a thread of their own, and once, until one is changed. @param directories a later one wins */
export function createCdiRegistry(directories: readonly string[]): CdiRegistry {
  let reader: JobRunner<CdiFiles, CdiListing> | undefined;
  let known: { signature: string; listing: Promise<CdiListing> } | undefined;

  async function list(): Promise<CdiListing> {
    const found = await Promise.all(directories.map(look));
    const problems = found.flatMap(({ problem }) => problem ?? []);
    const signature = JSON.stringify(found);
    if (known?.signature !== signature) known = { signature, listing: read(found.map(({ paths }) => paths)) };
    const listing = await known.listing;
    return { devices: listing.devices, problems: [...problems, ...listing.problems] };
  }

  async function read(files: CdiFiles): Promise<CdiListing> {
    if (files.every((paths) => paths.length === 0)) return nothing;
    reader ??= createJobRunner<CdiFiles, CdiListing>("runtime/cdi/cdi.worker", 1);
    const thread = reader;
    // Nothing else stops a thread that is busy.
    const impatience = setTimeout(() => {
      reader = undefined;
      void thread.close();
    }, longestMilliseconds);
    try {
      return await thread.run(files);
    } catch (error) {
      // The files may be good, and the machine busy: they are read again the next time.
      known = undefined;
      return { devices: [], problems: [{ path: directories.join(", "), message: messageOf(error) }] };
    } finally {
      clearTimeout(impatience);
    }
  }

  return { directories, list, close: async () => reader?.close() };
}

interface Look {
  paths: string[];
  /** Changes whenever a file does. */
  marks: string[];
  problem?: CdiProblem;
}

async function look(directory: string): Promise<Look> {
  try {
    const names = (await readdir(directory)).filter((name) => /\.(json|yaml)$/.test(name)).sort();
    if (names.length > mostFiles) throw new Error(`more than ${mostFiles} files`);
    const files = await Promise.all(names.map((name) => mark(join(directory, name))));
    const there = files.filter((file) => file !== undefined);
    const bytes = there.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0n);
    if (bytes > mostBytes) throw new Error(`its files are larger than ${mostBytes} bytes together`);
    return { paths: there.map(({ path }) => path), marks: there.map((file) => file.mark) };
  } catch (error) {
    if (hasCode(error, "ENOENT")) return { paths: [], marks: [] };
    return { paths: [], marks: [], problem: { path: directory, message: messageOf(error) } };
  }
}

interface Marked {
  path: string;
  sizeBytes: bigint;
  mark: string;
}

/** Undefined for a directory, and for what has gone in the meantime. */
async function mark(path: string): Promise<Marked | undefined> {
  try {
    const found = await stat(path, { bigint: true });
    const { dev, ino, size, mtimeNs, ctimeNs } = found;
    if (found.isDirectory()) return undefined;
    return { path, sizeBytes: size, mark: [dev, ino, size, mtimeNs, ctimeNs].join(":") };
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    return { path, sizeBytes: 0n, mark: messageOf(error) };
  }
}

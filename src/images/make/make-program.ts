import { execFile } from "node:child_process";
import { createReadStream } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { hasCode, messageOf, unavailable } from "../../errors.ts";
import { paddingAfter, type TarEntry } from "../../formats/tar/tar-entry.ts";
import { archiveEnd, encodeEntry } from "../../formats/tar/tar-writer.ts";

const run = promisify(execFile);

/** Where the programs are in the image. */
const home = "usr/lib/berth";

/** A program of ours that an image runs. */
export interface PackedProgram {
  /** Folders of the build that it needs. */
  rooms: readonly string[];
  /** Where it keeps its data: a volume. */
  home: string;
  /** As a list of the instructions of a Dockerfile. */
  changes: string[];
}

const entry = (...words: string[]) =>
  `ENTRYPOINT ${JSON.stringify(["/usr/bin/node", "--", `/${home}/cli/main.js`, ...words])}`;

export const registryProgram: PackedProgram = {
  rooms: ["cli", "registry"],
  home: "var/lib/registry",
  changes: [
    entry("registry"),
    'CMD ["serve", "--listen", "0.0.0.0:5000"]',
    "EXPOSE 5000",
    "VOLUME /var/lib/registry",
  ],
};

/** The socket is where guides mount it. Within the container the page listens beyond loopback, or no port could be published. */
export const uiProgram: PackedProgram = {
  rooms: ["cli", "registry", "ui"],
  home: "var/lib/berth-ui",
  changes: [
    entry("-H", "unix:///var/run/docker.sock", "ui", "--no-browser", "--state", "/var/lib/berth-ui"),
    'CMD ["--listen", "0.0.0.0:9000", "--insecure-listen"]',
    "EXPOSE 9000",
    "VOLUME /var/lib/berth-ui",
  ],
};

/** A file of this machine, and where it goes. */
interface Copied {
  from: string;
  to: string;
}

/** A time of its own would give every build another digest. */
const epoch = { seconds: 0, nanoseconds: 0 };

/**
 * A root file system as a tar: this very Node, the libraries it is linked with, and the command line with what it needs. The stream
 * reads the files as it is read.
 * @param temporaryPath for a file that is gone when the stream is closed
 * @throws unavailable when this program has not been built, or the libraries cannot be found
 */
export async function packProgram(
  { rooms, home: data }: PackedProgram,
  report: (line: string) => void,
  temporaryPath: string,
): Promise<Readable> {
  const programs = await findPrograms(rooms);
  const libraries = (await findLibraries(process.execPath)).map((from) => ({ from, to: from.slice(1) }));
  report(`packing ${process.execPath} with its libraries`);
  const node = await strip(process.execPath, temporaryPath);
  const files = [{ from: node, to: "usr/bin/node" }, ...libraries, ...programs];
  const rootfs = Readable.from(pack(files, data), { objectMode: false });
  rootfs.once("close", () => void rm(temporaryPath, { force: true }));
  return rootfs;
}

/** The bundles beside the one that is running. */
async function findPrograms(rooms: readonly string[]): Promise<Copied[]> {
  const dist = fileURLToPath(new URL("..", import.meta.url));
  try {
    const names = await Promise.all(
      rooms.map(async (room) => (await readdir(join(dist, room))).sort().map((name) => join(room, name))),
    );
    const bundles = names.flat().filter((name) => /\.(js|css|html|svg|br|gz)$/.test(name));
    if (bundles.length > 0) return bundles.map((name) => ({ from: join(dist, name), to: join(home, name) }));
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
  throw unavailable("run 'npm run build' first: the image is made from the built program");
}

/** By the dynamic linker's own word, with the linker itself. */
async function findLibraries(program: string): Promise<string[]> {
  const { stdout } = await run("ldd", [program]).catch((error: unknown) => {
    throw unavailable(`cannot find the libraries of ${program}: ${messageOf(error)}`, error);
  });
  const paths = stdout.split("\n").map((line) => /(?:=> |^\s*)(\/\S+) \(0x/.exec(line)?.[1]);
  return paths.filter((path) => path !== undefined);
}

/** Leaves out what is only for debuggers, a quarter of it, where the tool for it is there. */
async function strip(from: string, to: string): Promise<string> {
  return run("strip", ["-o", to, from]).then(
    () => to,
    () => from,
  );
}

async function* pack(files: readonly Copied[], data: string): AsyncGenerator<Buffer> {
  const made = new Set<string>();
  const add = (entry: Partial<TarEntry> & Pick<TarEntry, "name" | "type" | "mode">) =>
    encodeEntry({ uid: 0, gid: 0, mtime: epoch, sizeBytes: 0, ...entry });
  function* addDirectory(name: string, mode = 0o755): Generator<Buffer> {
    if (name === "." || made.has(name)) return;
    yield* addDirectory(dirname(name));
    made.add(name);
    yield add({ name, type: "directory", mode });
  }
  function* addText(name: string, text: string): Generator<Buffer> {
    yield* addDirectory(dirname(name));
    const content = Buffer.from(text);
    yield add({ name, type: "file", mode: 0o644, sizeBytes: content.length });
    yield content;
    yield Buffer.alloc(paddingAfter(content.length));
  }
  yield* addText("etc/passwd", "root:x:0:0:root:/:/sbin/nologin\n");
  yield* addText("etc/group", "root:x:0:\n");
  // The bundles are modules.
  yield* addText(`${home}/package.json`, '{"type":"module"}\n');
  yield* addDirectory("tmp", 0o1777);
  yield* addDirectory(data, 0o700);
  for (const { from, to } of files) {
    yield* addDirectory(dirname(to));
    const { size: sizeBytes } = await stat(from);
    const isProgram = !to.startsWith(home);
    yield add({ name: to, type: "file", mode: isProgram ? 0o755 : 0o644, sizeBytes });
    yield* createReadStream(from, { highWaterMark: 1 << 20 });
    yield Buffer.alloc(paddingAfter(sizeBytes));
  }
  yield archiveEnd;
}

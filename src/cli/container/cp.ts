import path from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Client } from "../../client/client.ts";
import type { PathStat } from "../../formats/docker-api/docker-api-system.ts";
import { formatSize } from "../../formats/units.ts";
import type { Cli } from "../cli.ts";
import { defineCommand, ExitError } from "../command.ts";
import { bool, type FlagValues } from "../flag.ts";
import { absoluteOf, statDestination, statSource } from "./cp-local.ts";
import { assertsFolder, baseOf, type CopyTarget, parseCopyArgument, planCopy } from "./cp-path.ts";
import { packLocal } from "./local-pack.ts";
import { unpackLocal } from "./local-unpack.ts";

const flags = {
  archive: bool("a", "Archive mode (copy all uid/gid information)"),
  "follow-link": bool("L", "Always follow symbol link in SRC_PATH"),
  quiet: bool(
    "q",
    "Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached",
  ),
};
type CopyFlags = FlagValues<typeof flags>;

export const command = defineCommand({
  usage: ["[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-", "[OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH"],
  description:
    "Use '-' as the source to read a tar archive from stdin\nand extract it to a directory destination in a container.\nUse '-' as the destination to stream a tar archive of a\ncontainer source to stdout.",
  arity: [2, 2],
  flags,
  async run({ cli, flags, args: [from = "", to = ""] }) {
    if (from === "") throw new ExitError(1, "source can not be empty");
    if (to === "") throw new ExitError(1, "destination can not be empty");
    const source = parseCopyArgument(from);
    const target = parseCopyArgument(to);
    if (source.container !== "" && target.container !== "") {
      throw new ExitError(1, "copying between containers is not supported");
    }
    if (source.container === "" && target.container === "") {
      throw new ExitError(1, "must specify at least one container source");
    }
    const client = await cli.client();
    if (source.container !== "") await copyOut(cli, client, source, target.path, flags);
    else await copyIn(cli, client, source.path, target, flags);
  },
});

type ContainerPath = { container: string; path: string };

async function copyOut(cli: Cli, client: Client, source: ContainerPath, target: string, flags: CopyFlags) {
  const { containers } = client;
  if (target === "-" && cli.stdout.isTTY)
    throw new ExitError(1, "refusing to copy a tar archive to a terminal");
  const destination = target === "-" ? undefined : statDestination(target);
  const file = flags["follow-link"] ? await followLink(client, source) : source.path;
  const { stat, tar } = await containers.readArchive(source.container, file);
  if (destination === undefined) return pipeline(tar, cli.stdout, { end: false });
  try {
    const name = baseOf(source.path);
    const plan = planCopy({ path: file, isFolder: isFolder(stat), name }, destination);
    const sizeBytes = await unpackLocal(tar, plan);
    tell(cli, flags, sizeBytes, absoluteOf(target));
  } finally {
    tar.destroy();
  }
}

async function copyIn(cli: Cli, client: Client, source: string, target: ContainerPath, flags: CopyFlags) {
  const destination = await statTarget(client, target);
  let tar: Readable;
  let folder: string;
  let packed: { sizeBytes: number } | undefined;
  if (source === "-") {
    if (!destination.isFolder) {
      throw new ExitError(1, `destination "${target.container}:${target.path}" must be a directory`);
    }
    tar = cli.stdin;
    folder = destination.path;
  } else {
    const local = statSource(source, flags["follow-link"]);
    const plan = planCopy(local, destination);
    const archive = packLocal(local.path, plan, local.isFolder && assertsFolder(source));
    packed = archive.packed;
    tar = archive.tar;
    folder = plan.folder;
  }
  await client.containers.writeArchive(target.container, folder, tar, {
    noOverwriteDirNonDir: true,
    copyUIDGID: flags.archive,
  });
  if (packed !== undefined) tell(cli, flags, packed.sizeBytes, `${target.container}:${target.path}`);
}

function tell(cli: Cli, flags: CopyFlags, sizeBytes: number, target: string) {
  if (flags.quiet || cli.stderr.isTTY !== true) return;
  cli.warn(`Successfully copied ${formatSize(sizeBytes, 3)} to ${target}`);
}

// Go's os.FileMode, as the daemon sends it.
const modeFolder = 2 ** 31;
const modeLink = 2 ** 27;
const modeDevice = 2 ** 26;
const hasMode = (stat: PathStat, bit: number) => Math.floor(stat.mode / bit) % 2 === 1;
const isFolder = (stat: PathStat) => hasMode(stat, modeFolder);

async function followLink(client: Client, { container, path: file }: ContainerPath): Promise<string> {
  const stat = await client.containers.statPath(container, file).catch(() => undefined);
  if (stat === undefined || !hasMode(stat, modeLink)) return file;
  return path.posix.resolve("/", path.posix.dirname(file), stat.linkTarget);
}

async function statTarget(client: Client, { container, path: file }: ContainerPath): Promise<CopyTarget> {
  let target = file;
  let stat = await findPath(client, container, target);
  if (stat !== undefined && hasMode(stat, modeLink)) {
    target = path.posix.resolve("/", path.posix.dirname(target), stat.linkTarget);
    stat = await findPath(client, container, target);
  }
  if (stat !== undefined && hasMode(stat, modeDevice)) {
    const given = JSON.stringify(`${container}:${file}`);
    throw new Error(`destination ${given} must be a directory or a regular file: got a device`);
  }
  return { path: target, exists: stat !== undefined, isFolder: stat !== undefined && isFolder(stat) };
}

/** Undefined for whatever cannot be asked for: the copy itself then says what is wrong. */
const findPath = (client: Client, container: string, file: string) =>
  client.containers.statPath(container, file).catch(() => undefined);

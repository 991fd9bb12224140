import { existsSync, mkdirSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ExitError } from "../command.ts";
import type { Machine } from "./machine.ts";
import {
  configFile,
  dockerConfigFile,
  dockerPlaces,
  findInstalled,
  type Part,
  planParts,
  readPart,
  unitFolder,
  whoseIs,
} from "./plan.ts";
import { canRunFrom, type Program, takeDownMark } from "./units.ts";

export interface Installation {
  program: Program;
  /** "" for this machine, or the folder of another's file system, where nothing is started. */
  root: string;
  machine: Machine;
  /** What was done, a line each. */
  say(line: string): void;
}

/**
 * Puts the engine under systemd, in the place of an installation that runs it from another folder. All files are written, or none.
 * @throws ExitError
 */
export async function install(installation: Installation): Promise<void> {
  const { program, root, machine, say } = installation;
  const odd = [program.folder, program.node].find((path) => !canRunFrom(path));
  if (odd) throw new ExitError(1, `systemd cannot run programs of a folder of this name: ${odd}`);
  const installed = findInstalled(root);
  const parts = planParts(program).filter((part) => !isOwnConfig(root, part, installed));
  refuseLinks(root, parts);
  refuseOthers(root, program, parts, installed);
  const willLink = parts.some(({ path }) => path === configFile);
  machine.checkConfig(join(program.folder, "berth"), willLink ? dockerConfigFile : undefined);
  for (const group of ["berth", ...(program.asDocker ? ["docker"] : [])])
    if (await machine.addGroup(group))
      say(`group ${group}: its members may use the engine, which is as good as root`);
  putAll(root, parts);
  for (const { path } of parts) say(`wrote ${path}`);
  if (await machine.stopBackgroundEngine())
    say("stopped the engine that ran in the background; its containers run on");
  await machine.enable(unitsOf(parts));
  say("the engine runs and starts with the machine: systemctl status berth");
}

/** Takes all of it back; containers, images and volumes stay. */
export async function uninstall(installation: Installation): Promise<void> {
  const { program, root, machine, say } = installation;
  const all = planParts({ ...program, asDocker: true });
  refuseLinks(root, all);
  const installed = findInstalled(root);
  const parts = all.filter((part) => whoseIs(root, part, installed) === "ours");
  if (parts.length === 0) throw new ExitError(1, "nothing is installed: nothing to do");
  const takesDown = canTakeDown(root) && (await machine.isUnused());
  await machine.disable(unitsOf(parts), takesDown);
  if (takesDown) say("took down the bridges and the packet filter");
  for (const part of parts) {
    rmSync(join(root, part.path));
    say(`removed ${part.path}`);
  }
  await machine.reload();
  say(
    takesDown || root !== ""
      ? "images, volumes and containers stay in /var/lib/berth"
      : "containers that run go on, with their networks; images, volumes and containers stay in /var/lib/berth",
  );
}

/** A unit of an earlier version cannot. */
function canTakeDown(root: string): boolean {
  const unit = readPart(root, { path: join(unitFolder, "berth.service"), content: "" });
  return unit !== undefined && "content" in unit && unit.content.includes(takeDownMark);
}

/** What the administrator has written stays, and counts. */
const isOwnConfig = (root: string, part: Part, installed: string | undefined) =>
  part.path === configFile && whoseIs(root, part, installed) === "another";

/** The file system of another machine may have links that lead to places of this one. */
function refuseLinks(root: string, parts: readonly Part[]): void {
  if (root === "") return;
  for (const { path } of parts) {
    let folder = dirname(join(root, path));
    while (!existsSync(folder) && folder !== root) folder = dirname(folder);
    const place = existsSync(folder) ? realpathSync(folder) : root;
    const top = existsSync(root) ? realpathSync(root) : root;
    if (place !== top && !place.startsWith(`${top}/`))
      throw new ExitError(1, `${path} leads out of ${root} by a link: install it on the machine itself`);
  }
}

function refuseOthers(
  root: string,
  { asDocker }: Program,
  parts: readonly Part[],
  installed: string | undefined,
): void {
  const pathsOf = (owner: "ours" | "another") =>
    parts.filter((part) => whoseIs(root, part, installed) === owner).map(({ path }) => path);
  const [others, own] = [pathsOf("another"), new Set(pathsOf("ours"))];
  const isAlias = own.has("/etc/systemd/system/docker.socket");
  const dockers =
    asDocker && !isAlias ? dockerPlaces.filter((path) => !own.has(path) && existsSync(join(root, path))) : [];
  const found = [...new Set([...others, ...dockers])];
  if (found.length === 0) return;
  const [first] = found;
  throw new ExitError(
    1,
    dockers.length > 0
      ? `Docker is installed here (${first}): remove it first, or install without --as-docker`
      : `${first} is there already and is not berth's: move it away first`,
  );
}

/** What cannot be written takes back what has been. */
function putAll(root: string, parts: readonly Part[]): void {
  const before: [Part, Part | undefined][] = [];
  try {
    for (const part of parts) {
      before.push([part, readPart(root, part)]);
      put(root, part);
    }
  } catch (error) {
    for (const [part, old] of before.toReversed()) putBack(root, part, old);
    throw error;
  }
}

/** What fails here is passed over: the caller throws the first error. */
function putBack(root: string, part: Part, old: Part | undefined): void {
  try {
    if (old) put(root, old);
    else if (readPart(root, part)) rmSync(join(root, part.path));
  } catch {}
}

/** In one step: on a full disk what is there stays. */
function put(root: string, part: Part): void {
  const path = join(root, part.path);
  const made = `${path}.berth-new`;
  mkdirSync(dirname(path), { recursive: true });
  rmSync(made, { force: true });
  try {
    if ("target" in part) symlinkSync(part.target, made);
    else writeFileSync(made, part.content, { mode: 0o644 });
    renameSync(made, path);
  } catch (error) {
    rmSync(made, { force: true });
    throw error;
  }
}

const unitsOf = (parts: readonly Part[]) =>
  parts.flatMap(({ path }) =>
    /\.(service|socket)$/.test(path) ? [path.slice(path.lastIndexOf("/") + 1)] : [],
  );

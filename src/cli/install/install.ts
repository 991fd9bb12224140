import { existsSync, mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ExitError } from "../command.ts";
import type { Machine } from "./machine.ts";
import { dockerPlaces, type Part, planParts, whoseIs } from "./plan.ts";
import { canRunFrom, type Program } from "./units.ts";

export interface Installation {
  program: Program;
  /** "" for this machine, or the folder of another's file system, where nothing is started. */
  root: string;
  machine: Machine;
  /** What was done, a line each. */
  say(line: string): void;
}

const configFile = "/etc/berth/daemon.json";

/** Puts the engine under systemd. All of it, or nothing is changed. @throws ExitError */
export async function install(installation: Installation): Promise<void> {
  const { program, root, machine, say } = installation;
  const odd = [program.folder, program.node].find((path) => !canRunFrom(path));
  if (odd) throw new ExitError(1, `systemd cannot run programs of a folder of this name: ${odd}`);
  const parts = planParts(program).filter((part) => !isOwnConfig(root, part));
  refuseLinks(root, parts);
  refuseOthers(root, program, parts);
  for (const group of ["berth", ...(program.asDocker ? ["docker"] : [])])
    if (await machine.addGroup(group))
      say(`group ${group}: its members may use the engine, which is as good as root`);
  for (const part of parts) {
    put(root, part);
    say(`wrote ${part.path}`);
  }
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
  const parts = all.filter((part) => whoseIs(root, part) === "ours");
  if (parts.length === 0) throw new ExitError(1, "nothing is installed: nothing to do");
  await machine.disable(unitsOf(parts));
  for (const part of parts) {
    rmSync(join(root, part.path));
    say(`removed ${part.path}`);
  }
  await machine.reload();
  say("containers that run go on; images, volumes and containers stay in /var/lib/berth");
}

/** What the administrator has written stays, and counts. */
const isOwnConfig = (root: string, part: Part) =>
  part.path === configFile && whoseIs(root, part) === "another";

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

function refuseOthers(root: string, { asDocker }: Program, parts: readonly Part[]): void {
  const others = parts.filter((part) => whoseIs(root, part) === "another").map(({ path }) => path);
  const own = new Set(parts.filter((part) => whoseIs(root, part) === "ours").map(({ path }) => path));
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

function put(root: string, part: Part): void {
  const path = join(root, part.path);
  mkdirSync(dirname(path), { recursive: true });
  rmSync(path, { force: true });
  if ("target" in part) symlinkSync(part.target, path);
  else writeFileSync(path, part.content, { mode: 0o644 });
}

const unitsOf = (parts: readonly Part[]) =>
  parts.flatMap(({ path }) =>
    /\.(service|socket)$/.test(path) ? [path.slice(path.lastIndexOf("/") + 1)] : [],
  );

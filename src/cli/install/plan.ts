import { lstatSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { hasCode } from "../../errors.ts";
import { completionScripts } from "../completion/scripts.ts";
import { formatUnits, mark, type Program } from "./units.ts";

/** Something that an installation puts on the machine: a file, or a link. */
export type Part = { path: string } & ({ content: string } | { target: string });

export const unitFolder = "/etc/systemd/system";
const programs = "/usr/local/bin";
export const configFile = "/etc/berth/daemon.json";
export const dockerConfigFile = "/etc/docker/daemon.json";

/** All that an installation puts on the machine. */
export function planParts(program: Program): Part[] {
  const launcher = join(program.folder, "berth");
  const units = Object.entries(formatUnits(program)).map(([name, content]) => ({
    ...{ path: join(unitFolder, name), content },
  }));
  const completion = { bash: "bash-completion/completions/berth", zsh: "zsh/site-functions/_berth" };
  const { bash, zsh, fish } = completionScripts;
  return [
    { path: join(programs, "berth"), target: launcher },
    ...units,
    { path: join("/usr/local/share", completion.bash), content: `${mark}\n${bash}` },
    // Its first line says what it completes.
    { path: join("/usr/local/share", completion.zsh), content: zsh.replace("\n", `\n${mark}\n`) },
    { path: "/usr/local/share/fish/vendor_completions.d/berth.fish", content: `${mark}\n${fish}` },
    ...(program.asDocker ? dockerParts(launcher) : []),
  ];
}

/** Our configuration is Docker's where there is none of our own. */
const dockerParts = (launcher: string): Part[] => [
  { path: join(programs, "docker"), target: launcher },
  { path: configFile, target: dockerConfigFile },
];

/** Where a Docker that was installed by others would be. */
export const dockerPlaces = [
  ...["/usr/bin/docker", "/usr/local/bin/docker", "/usr/sbin/dockerd", "/usr/bin/dockerd"],
  ...["/etc", "/lib", "/usr/lib"].flatMap((folder) =>
    ["docker.service", "docker.socket"].map((name) => `${folder}/systemd/system/${name}`),
  ),
  ...["/run/docker.sock", "/var/run/docker.sock"],
];

/** What is in a part's place. */
export function readPart(root: string, { path }: Part): Part | undefined {
  const place = join(root, path);
  try {
    const isLink = lstatSync(place).isSymbolicLink();
    return isLink ? { path, target: readlinkSync(place) } : { path, content: readFileSync(place, "utf8") };
  } catch (error) {
    if (hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR")) return undefined;
    throw error;
  }
}

/** The launcher that an installation runs, which may be of another folder than this one. */
export function findInstalled(root: string): string | undefined {
  const unit = readPart(root, { path: join(unitFolder, "berth.service"), content: "" });
  return unit && "content" in unit && unit.content.includes(mark)
    ? /^ExecStart="([^"]+)" daemon/m.exec(unit.content)?.[1]
    : undefined;
}

/**
 * Which part is in a place: none, an installation's, or another's.
 * @param installed as `findInstalled` gave it
 */
export function whoseIs(
  root: string,
  part: Part,
  installed: string | undefined,
): "none" | "ours" | "another" {
  const found = readPart(root, part);
  if (!found) return "none";
  const isOurs =
    "target" in part
      ? "target" in found && [part.target, installed].includes(found.target)
      : "content" in found && found.content.includes(mark);
  return isOurs ? "ours" : "another";
}

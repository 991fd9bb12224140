import { lstatSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { hasCode } from "../../errors.ts";
import { completionScripts } from "../completion/scripts.ts";
import { formatUnits, mark, type Program } from "./units.ts";

/** Something that an installation puts on the machine: a file, or a link. */
export type Part = { path: string } & ({ content: string } | { target: string });

export const unitFolder = "/etc/systemd/system";
const programs = "/usr/local/bin";

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
  { path: "/etc/berth/daemon.json", target: "/etc/docker/daemon.json" },
];

/** Where a Docker that was installed by others would be. */
export const dockerPlaces = [
  ...["/usr/bin/docker", "/usr/local/bin/docker", "/usr/sbin/dockerd", "/usr/bin/dockerd"],
  ...["/etc", "/lib", "/usr/lib"].flatMap((folder) =>
    ["docker.service", "docker.socket"].map((name) => `${folder}/systemd/system/${name}`),
  ),
  ...["/run/docker.sock", "/var/run/docker.sock"],
];

/** Which part is in a place: none, this installation's, or another's. */
export function whoseIs(root: string, part: Part): "none" | "ours" | "another" {
  const path = join(root, part.path);
  try {
    const isLink = lstatSync(path).isSymbolicLink();
    if ("target" in part) return isLink && readlinkSync(path) === part.target ? "ours" : "another";
    return !isLink && readFileSync(path, "utf8").includes(mark) ? "ours" : "another";
  } catch (error) {
    if (hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR")) return "none";
    throw error;
  }
}

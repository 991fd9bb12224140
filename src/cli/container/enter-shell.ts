import path from "node:path/posix";
import type { Client } from "../../client/client.ts";
import type { ContainerInspect } from "../../formats/docker-api/docker-api.ts";
import { decodeGoFileMode } from "../../formats/go-file-mode.ts";

const shells = ["/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash", "/bin/ash", "/bin/sh", "/usr/bin/sh"];

/** As many as Linux follows in one path. */
const mostLinks = 40;

/** The first shell that the container has: what its image names, or one of the usual. */
export async function findShell(client: Client, container: ContainerInspect): Promise<string | undefined> {
  const [named] = container.Config.Shell ?? [];
  for (const shell of named?.startsWith("/") ? [named, ...shells] : shells) {
    if (await isProgram(client, container.Id, shell)) return shell;
  }
  return undefined;
}

/** Links are followed here, since the daemon describes a link itself; one that leads nowhere is no program. */
async function isProgram(client: Client, id: string, file: string): Promise<boolean> {
  let place = file;
  for (let links = 0; links <= mostLinks; links++) {
    const stat = await client.containers.statPath(id, place).catch(() => undefined);
    if (stat === undefined) return false;
    const { type, mode } = decodeGoFileMode(stat.mode);
    if (type !== "symlink") return type === "file" && (mode & 0o111) !== 0;
    place = path.resolve("/", path.dirname(place), stat.linkTarget);
  }
  return false;
}

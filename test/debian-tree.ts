import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const folder = join(import.meta.dirname, "../.tools/trees");
/** The servers of all tests are in one tree: it is made in the time that one of them would take. */
const words = [
  "--variant=minbase",
  "--include=nginx-light,redis-server,postgresql,haproxy",
  "--dpkgopt=path-exclude=/usr/share/doc/*",
  "bookworm",
];

/** Test files run side by side: the second waits for the first. */
const script = `
[ -n "$(find "$0" -mtime -7 2>/dev/null)" ] && exit
mmdebstrap "$@" "$0.part.tar"
mv "$0.part.tar" "$0"`;

/** A tar of a Debian with servers in it, a week old at most. */
export async function debianTree(): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const name = createHash("sha256").update(words.join(" ")).digest("hex").slice(0, 16);
  const archive = join(folder, `${name}.tar`);
  const command = [`${archive}.lock`, "sh", "-ec", script, archive, ...words];
  await promisify(execFile)("flock", command, { maxBuffer: 64 << 20 });
  return archive;
}

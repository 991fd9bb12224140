import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { promisify } from "node:util";
import { hasCode, unavailable } from "../../errors.ts";
import { isStaticProgram } from "../../formats/static-program.ts";
import { paddingAfter, type TarEntry } from "../../formats/tar/tar-entry.ts";
import { archiveEnd, encodeEntry } from "../../formats/tar/tar-writer.ts";

const run = promisify(execFile);

const users = [
  ["root", 0, 0, "/root", "/bin/sh"],
  ["daemon", 1, 1, "/usr/sbin", "/bin/false"],
  ["bin", 2, 2, "/bin", "/bin/false"],
  ["sys", 3, 3, "/dev", "/bin/false"],
  ["sync", 4, 100, "/bin", "/bin/sync"],
  ["mail", 8, 8, "/var/spool/mail", "/bin/false"],
  ["www-data", 33, 33, "/var/www", "/bin/false"],
  ["operator", 37, 37, "/var", "/bin/false"],
  ["nobody", 65534, 65534, "/home", "/bin/false"],
] as const;

const groups = [
  ["root", 0],
  ["daemon", 1],
  ["bin", 2],
  ["sys", 3],
  ["adm", 4],
  ["tty", 5],
  ["disk", 6],
  ["lp", 7],
  ["mail", 8],
  ["kmem", 9],
  ["wheel", 10],
  ["cdrom", 11],
  ["dialout", 18],
  ["floppy", 19],
  ["video", 28],
  ["audio", 29],
  ["tape", 32],
  ["www-data", 33],
  ["operator", 37],
  ["utmp", 43],
  ["plugdev", 46],
  ["staff", 50],
  ["lock", 54],
  ["netdev", 82],
  ["users", 100],
  ["nobody", 65534],
] as const;

const directories: [string, number][] = [
  ["bin", 0o755],
  ["dev", 0o755],
  ["etc", 0o755],
  ["etc/network", 0o755],
  ["etc/network/if-down.d", 0o755],
  ["etc/network/if-post-down.d", 0o755],
  ["etc/network/if-pre-up.d", 0o755],
  ["etc/network/if-up.d", 0o755],
  ["home", 0o755],
  ["root", 0o700],
  ["tmp", 0o1777],
  ["usr", 0o755],
  ["usr/bin", 0o755],
  ["usr/sbin", 0o755],
  ["var", 0o755],
  ["var/spool", 0o755],
  ["var/spool/mail", 0o755],
  ["var/www", 0o755],
];

/** A time of its own would give every build another digest. */
const epoch = { seconds: 0, nanoseconds: 0 };

/**
 * A root file system as a tar: busybox from the given statically linked program, a link in /bin for each of its applets,
 * and the accounts people expect. The same program gives the same bytes.
 * @throws unavailable when the program is missing or needs libraries
 */
export async function packBusybox(program: string): Promise<Readable> {
  const binary = await readProgram(program);
  const applets = await listApplets(program);
  const passwd = users.map(
    ([name, uid, gid, home, shell]) => `${name}:x:${uid}:${gid}:${name}:${home}:${shell}\n`,
  );
  const shadow = users.map(([name]) => `${name}:*:::::::\n`);
  const group = groups.map(([name, gid]) => `${name}:x:${gid}:\n`);
  const parts: Buffer[] = [];
  const add = (entry: Partial<TarEntry> & Pick<TarEntry, "name" | "type" | "mode">, content?: Buffer) => {
    const sizeBytes = content?.length ?? 0;
    parts.push(encodeEntry({ uid: 0, gid: 0, mtime: epoch, ...entry, sizeBytes }));
    if (content) parts.push(content, Buffer.alloc(paddingAfter(sizeBytes)));
  };
  for (const [name, mode] of directories) {
    if (name === "home") add({ name, type: "directory", mode, uid: 65534, gid: 65534 });
    else if (name === "var/spool/mail") add({ name, type: "directory", mode, uid: 8, gid: 8 });
    else add({ name, type: "directory", mode });
    if (name === "bin") {
      add({ name: "bin/busybox", type: "file", mode: 0o755 }, binary);
      for (const applet of applets) {
        add({ name: `bin/${applet}`, type: "link", linkName: "bin/busybox", mode: 0o755 });
      }
    }
  }
  add({ name: "etc/group", type: "file", mode: 0o644 }, Buffer.from(group.join("")));
  add({ name: "etc/localtime", type: "symlink", mode: 0o777, linkName: "/usr/share/zoneinfo/UTC" });
  add({ name: "etc/passwd", type: "file", mode: 0o644 }, Buffer.from(passwd.join("")));
  add({ name: "etc/shadow", type: "file", mode: 0o600 }, Buffer.from(shadow.join("")));
  add({ name: "usr/bin/env", type: "symlink", mode: 0o777, linkName: "/bin/env" });
  parts.push(archiveEnd);
  return Readable.from(parts);
}

async function readProgram(program: string): Promise<Buffer> {
  let binary: Buffer;
  try {
    binary = await readFile(program);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
    throw unavailable(`${program} is missing; install it with: apt-get install busybox-static`, error);
  }
  if (!isStaticProgram(binary)) {
    throw unavailable(
      `${program} is not statically linked; install one with: apt-get install busybox-static`,
    );
  }
  return binary;
}

async function listApplets(program: string): Promise<string[]> {
  const { stdout } = await run(program, ["--list"]);
  return [...new Set(stdout.split("\n"))]
    .filter((name) => /^[\w[.-]+$/.test(name) && name !== "busybox")
    .sort();
}

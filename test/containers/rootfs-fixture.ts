import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { createArchives } from "../../src/containers/archive/archive.ts";
import type { ContainerFiles } from "../../src/containers/archive/archive-job.ts";
import type { TarEntry } from "../../src/formats/tar/tar-entry.ts";
import { createTarReader } from "../../src/formats/tar/tar-reader.ts";
import { readStream } from "../images/fixtures.ts";

export const archives = createArchives();

/** The layers and mounts of a container that does not run. */
export interface Rootfs extends Disposable {
  path: string;
  files: ContainerFiles;
  /** A file of the host that nothing may touch. */
  victim: string;
}

export function makeRootfs(): Rootfs {
  const path = mkdtempSync(join(tmpdir(), "berth-files-"));
  const at = (...parts: string[]) => join(path, ...parts);
  for (const name of ["lower", "upper", "work", "volume", "ro", "victim"]) mkdirSync(at(name));
  for (const name of ["etc", "tmp", "data", "dev", "proc"]) mkdirSync(at("lower", name));
  writeFileSync(at("lower/etc/motd"), "hello");
  symlinkSync("motd", at("lower/etc/link"));
  symlinkSync("/etc", at("lower/abs"));
  symlinkSync("/nowhere/x", at("lower/dangling"));
  symlinkSync("../../../../../../etc/motd", at("lower/etc/up"));
  mkdirSync(at("upper/new"));
  writeFileSync(at("upper/new/file"), "12345");
  writeFileSync(at("volume/inside"), "volume");
  writeFileSync(at("victim/secret"), "secret");
  const mounts = [
    { source: at("volume"), destination: "/data", readOnly: false },
    { source: at("ro"), destination: "/mnt/ro", readOnly: true },
  ];
  return {
    path,
    victim: at("victim"),
    files: { id: "c1", lower: [at("lower")], upper: at("upper"), work: at("work"), mounts },
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

export function entriesOf(archive: Buffer): { entry: TarEntry; data: string }[] {
  const reader = createTarReader();
  const found: { entry: TarEntry; data: string }[] = [];
  for (const event of reader.push(archive)) {
    if (event.kind === "entry") found.push({ entry: event.entry, data: "" });
    const last = found.at(-1);
    if (event.kind === "data" && last) last.data += event.data.toString();
  }
  reader.finish();
  return found;
}

export async function namesOf(files: ContainerFiles, path: string): Promise<string[]> {
  const { stream } = await archives.read(files, path);
  return entriesOf(await readStream(stream)).map(({ entry }) => entry.name);
}

export const write = (files: ContainerFiles, path: string, archive: Buffer, options = {}) =>
  archives.write(() => files, path, Readable.from([archive]), {
    noOverwriteDirNonDir: false,
    copyUidGid: false,
    ...options,
  });

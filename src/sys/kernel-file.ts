import { closeSync, openSync, readSync } from "node:fs";

/** A file of the kernel's whose text is another each time it is read: below /proc, /sys. */
export interface KernelFile {
  /** @throws Node's ENODEV, … when its subject is gone */
  read(): string;
  close(): void;
}

const buffer = Buffer.alloc(64 * 1024);

/** Opened once, and read from its beginning each time. Undefined when there is none. */
export function openKernelFile(path: string): KernelFile | undefined {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    return undefined;
  }
  return {
    read: () => buffer.toString("latin1", 0, readSync(fd, buffer, 0, buffer.length, 0)),
    close: () => closeSync(fd),
  };
}

/** Reads it and parses what it says, which is often what it said before: then that is given again. "" where there is no such file. */
export function parsing<T>(file: KernelFile | undefined, parse: (text: string) => T): () => T {
  let text = "";
  let parsed = parse(text);
  return () => {
    const now = file?.read() ?? "";
    if (now !== text) [text, parsed] = [now, parse(now)];
    return parsed;
  };
}

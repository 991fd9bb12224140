import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { createNamedTurns } from "../sys/named-turns.ts";

/** What a container writes there is its own affair, and no reason to read more than a table of names has. */
const largestBytes = 1 << 20;

/** Of two that change a file at once, one would write what the other has not read. */
const { inTurn } = createNamedTurns();

/**
 * Takes lines out of a container's /etc/hosts and adds others at its end. In place, since the container has this very file mounted;
 * what it has written there itself stays. In a file that has grown beyond a table of names nothing is taken out.
 */
export function changeHostsFile(
  path: string,
  isRemoved: (line: string) => boolean,
  added: readonly string[],
): Promise<void> {
  return inTurn(path, () => changeLines(path, isRemoved, added));
}

async function changeLines(
  path: string,
  isRemoved: (line: string) => boolean,
  added: readonly string[],
): Promise<void> {
  const file = await open(path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { size } = await file.stat();
    const addition = added.map((line) => `${line}\n`).join("");
    if (size > largestBytes) return void (await file.write(addition, size));
    // Byte by byte: what a container writes need not be UTF-8, and may grow while it is read.
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, 0);
    const lines = buffer.toString("latin1", 0, bytesRead).split("\n");
    const rest = lines.filter((line) => !isRemoved(line)).join("\n");
    const end = rest === "" || rest.endsWith("\n") ? "" : "\n";
    const whole = Buffer.from(`${rest}${end}${addition}`, "latin1");
    await file.write(whole, 0, whole.length, 0);
    await file.truncate(whole.length);
  } finally {
    await file.close();
  }
}

/** Replaces what a container's file says, in place, if that is still what it was made with. */
export function replaceContent(path: string, from: string, to: string): Promise<void> {
  return inTurn(path, () => replaceIfSame(path, from, to));
}

async function replaceIfSame(path: string, from: string, to: string): Promise<void> {
  const file = await open(path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const expected = Buffer.from(from);
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(expected.length + 1),
      0,
      expected.length + 1,
      0,
    );
    if (!expected.equals(buffer.subarray(0, bytesRead))) return;
    const whole = Buffer.from(to);
    await file.write(whole, 0, whole.length, 0);
    await file.truncate(whole.length);
  } finally {
    await file.close();
  }
}

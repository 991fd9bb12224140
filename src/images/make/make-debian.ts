import type { ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { invalid, unavailable } from "../../errors.ts";
import { startProgram } from "../../sys/start-program.ts";

/**
 * A minimal Debian as a plain tar, by mmdebstrap and this machine's own package sources. The stream fails when
 * mmdebstrap does; destroying it ends mmdebstrap.
 */
export async function packDebian(
  wanted: string | undefined,
  report: (line: string) => void,
): Promise<{ rootfs: Readable; suite: string; isOwnSuite: boolean }> {
  const own = await readOwnSuite();
  const suite = wanted ?? own;
  if (!suite) throw invalid("host is not Debian: specify a suite, for example debian:bookworm");
  if (!/^[a-z][a-z0-9-]*$/.test(suite)) throw invalid(`invalid Debian suite ${JSON.stringify(suite)}`);
  report(`mmdebstrap --variant=minbase ${suite}`);
  const isOwnSuite = suite === own;
  // Without a mirror named, mmdebstrap reads the machine's own sources only for the machine's own suite.
  const child = await startProgram<ChildProcessByStdio<null, Readable, Readable>>(
    "mmdebstrap",
    [
      "--variant=minbase",
      "--format=tar",
      "--dpkgopt=path-exclude=/usr/share/doc/*",
      "--dpkgopt=path-exclude=/usr/share/man/*",
      '--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/etc/hostname',
      suite,
      "-",
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let complaint = "it was killed";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    for (const line of text.split("\n").filter((part) => part.trim() !== "")) {
      // The first error is the cause, those after it only follow.
      if (line.startsWith("E: ") && !complaint.startsWith("E: ")) complaint = line;
      report(line);
    }
  });
  const exit = once(child, "close");
  exit.catch(() => {
    // The reader of the stream gets the error.
  });
  const rootfs = Readable.from(
    untilExit(child.stdout, exit, () => complaint),
    { objectMode: false },
  );
  rootfs.once("close", () => child.kill());
  return { rootfs, suite, isOwnSuite };
}

/** What it wrote is whole only when it ended well. */
async function* untilExit(
  output: Readable,
  exit: Promise<unknown[]>,
  complaint: () => string,
): AsyncGenerator<Buffer> {
  yield* output;
  const [status] = await exit;
  if (status !== 0) throw unavailable(`mmdebstrap failed: ${complaint()}`);
}

async function readOwnSuite(): Promise<string | undefined> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  const isDebian = /^ID=debian$/m.test(text);
  return isDebian ? /^VERSION_CODENAME=(\w+)$/m.exec(text)?.[1] : undefined;
}

import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import type { Readable } from "node:stream";
import { promisify } from "node:util";
import { invalid, messageOf, unavailable } from "../../errors.ts";
import { version } from "../../formats/version.ts";
import { packBusybox } from "./make-busybox.ts";
import { packDebian } from "./make-debian.ts";
import { packProgram, registryProgram, uiProgram } from "./make-program.ts";

const run = promisify(execFile);
const busyboxProgram = "/bin/busybox";

/** A base image made from this machine's own packages: what to import, and how to call it. */
export interface MadeImage {
  /** The root file system as a plain tar. */
  rootfs: Readable;
  tags: string[];
  /** For `importRootfs`. */
  changes: string[];
  message: string;
  /** Set where the image is to be the same each time it is made. */
  created?: string;
}

/**
 * Makes an image without any registry: `busybox`, `debian` of the machine's own suite, `debian:SUITE`, `registry`, which runs
 * `berth registry`, or `ui`, which runs `berth ui`. Packages that are missing are installed when we may.
 * @param temporaryPath gives a path for a file that is needed meanwhile
 * @throws invalid for another name; unavailable when it cannot be done here
 */
export async function makeImage(
  name: string,
  report: (line: string) => void,
  temporaryPath: () => string,
): Promise<MadeImage> {
  const [base, suite] = name.split(":", 2);
  if (base === "busybox" && (suite ?? "latest") === "latest") {
    await ensureProgram(busyboxProgram, "busybox-static", report);
    report(`packing ${busyboxProgram} with its applets`);
    const rootfs = await packBusybox(busyboxProgram);
    return {
      rootfs,
      tags: ["busybox:latest"],
      changes: ['CMD ["sh"]'],
      message: "made from busybox-static",
      created: "1970-01-01T00:00:00Z",
    };
  }
  const program = base === "registry" ? registryProgram : base === "ui" ? uiProgram : undefined;
  if (program && (suite ?? "latest") === "latest") {
    return {
      rootfs: await packProgram(program, report, temporaryPath()),
      tags: [base === "ui" ? "berth-ui:latest" : "registry:latest"],
      changes: program.changes,
      message: `berth ${base} ${version}`,
      created: "1970-01-01T00:00:00Z",
    };
  }
  if (base !== "debian") {
    throw invalid(`cannot make ${name}: what can be made is busybox, debian[:SUITE], registry and ui`);
  }
  await ensureProgram("/usr/bin/mmdebstrap", "mmdebstrap", report);
  const made = await packDebian(suite, report);
  return {
    rootfs: made.rootfs,
    tags: [`debian:${made.suite}`, ...(made.isOwnSuite ? ["debian:latest"] : [])],
    changes: ['CMD ["bash"]'],
    message: `made by mmdebstrap from ${made.suite}`,
  };
}

async function ensureProgram(
  path: string,
  debianPackage: string,
  report: (line: string) => void,
): Promise<void> {
  if (await isThere(path)) return;
  const advice = `${path} is missing; install it with: apt-get install ${debianPackage}`;
  if (process.getuid?.() !== 0 || !(await isThere("/usr/bin/apt-get"))) throw unavailable(advice);
  report(`installing ${debianPackage}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  try {
    await run("apt-get", ["update", "-q"], { env });
    await run("apt-get", ["install", "-y", "-q", "--no-install-recommends", debianPackage], { env });
  } catch (error) {
    throw unavailable(`${advice} (it failed here: ${messageOf(error).trim().split("\n").at(-1)})`, error);
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

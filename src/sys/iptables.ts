import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";

/** The two kinds of iptables a machine can have, for each family, each with rules of its own. */
export type IptablesProgram = `${"iptables" | "ip6tables"}-${"nft" | "legacy"}`;

const run = promisify(execFile);

const longestWaitSeconds = "10";

/** Runs it, waiting a while for others that hold its lock. Returns its output. @throws ENOENT when it is not installed */
export async function runIptables(program: IptablesProgram, args: string[]): Promise<string> {
  const { stdout } = await run(program, ["-w", longestWaitSeconds, ...args]);
  return stdout;
}

/**
 * Changes the filter table in one step, so that no packet meets half of it.
 * @param changes rules as `iptables` takes them: "-D FORWARD -j DROP". @throws Error with the program's own text, and then nothing has changed
 */
export async function changeIptables(program: IptablesProgram, changes: readonly string[]): Promise<void> {
  const words = [`--wait=${longestWaitSeconds}`, "--noflush"];
  const running = run(`${program}-restore`, words);
  // A broken pipe is followed by the reason.
  running.child.stdin?.on("error", () => {}).end(["*filter", ...changes, "COMMIT", ""].join("\n"));
  await running;
}

/** The old kind only where it is in use: to ask it would put its tables in place. */
export function findIptables(family: 4 | 6): IptablesProgram[] {
  const name = family === 4 ? "iptables" : "ip6tables";
  return isLegacyInUse(family) ? [`${name}-nft`, `${name}-legacy`] : [`${name}-nft`];
}

/** Whether there are rules of the old kind. */
export function isLegacyInUse(family: 4 | 6): boolean {
  const list = family === 4 ? "ip_tables_names" : "ip6_tables_names";
  try {
    return readFileSync(`/proc/thread-self/net/${list}`, "utf8").split("\n").includes("filter");
  } catch {
    return false;
  }
}

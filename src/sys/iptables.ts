import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";

/** The two kinds of iptables a machine can have, each with rules of its own. */
export type IptablesProgram = "iptables-nft" | "iptables-legacy";

const run = promisify(execFile);

/** Runs it, waiting for others that hold its lock. Returns its output. @throws ENOENT when it is not installed */
export async function runIptables(program: IptablesProgram, args: string[]): Promise<string> {
  const { stdout } = await run(program, ["-w", ...args]);
  return stdout;
}

/** The old kind only where it is in use: to ask it would put its tables in place. */
export function findIptables(): IptablesProgram[] {
  return isLegacyInUse() ? ["iptables-nft", "iptables-legacy"] : ["iptables-nft"];
}

function isLegacyInUse(): boolean {
  try {
    return readFileSync("/proc/thread-self/net/ip_tables_names", "utf8").split("\n").includes("filter");
  } catch {
    return false;
  }
}

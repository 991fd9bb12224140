import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { hasCode, unavailable } from "../errors.ts";
import { startProgram } from "./start-program.ts";

/** What is needed of libnftables-json(5): one key, the kind of object. */
export type NftObject = Record<
  string,
  {
    name?: string;
    chain?: string;
    handle?: number;
    expr?: unknown;
    elem?: unknown[];
    [other: string]: unknown;
  }
>;

/**
 * Runs an nft(8) script as one transaction: all of it takes effect, or nothing.
 * @param onStart gets the pid of the process that does it
 * @throws Error with nft's own text, or unavailable when nft is not installed.
 */
export function runNft(script: string, onStart?: (pid: number) => void): Promise<string> {
  return run(["nft", "-f", "-"], script, onStart);
}

/** All that is in a table; undefined when there is none. @throws as `runNft` */
export async function listNftTable(table: string): Promise<NftObject[] | undefined> {
  try {
    return parseListing(await run(["nft", "-j", "list", "table", ...table.split(" ")], ""));
  } catch (error) {
    if (/No such file or directory/.test(String(error))) return undefined;
    throw error;
  }
}

/** What a script makes of a table where there is nothing yet: in a network namespace of its own. @throws as `runNft` */
export async function tryNftTable(table: string, script: string): Promise<NftObject[]> {
  const shell = 'nft -f - && nft -j list table "$@"';
  return parseListing(await run(["unshare", "--net", "sh", "-c", shell, "sh", ...table.split(" ")], script));
}

function parseListing(text: string): NftObject[] {
  return (JSON.parse(text) as { nftables: NftObject[] }).nftables;
}

async function run(
  [program = "", ...words]: string[],
  input: string,
  onStart?: (pid: number) => void,
): Promise<string> {
  const nft = await startProgram<ChildProcessWithoutNullStreams>(program, words, { stdio: "pipe" }).catch(
    (error: unknown) => {
      if (!hasCode(error, "ENOENT")) throw error;
      throw unavailable(`${program} is not installed: install the package ${packages[program]}`, error);
    },
  );
  if (nft.pid !== undefined) onStart?.(nft.pid);
  return new Promise((resolve, reject) => {
    let output = "";
    let complaint = "";
    nft.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    nft.stderr.setEncoding("utf8").on("data", (text: string) => {
      complaint += text;
    });
    nft.on("close", (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`nft: ${complaint.trim() || `exit code ${code}`}`));
    });
    // A broken pipe is followed by a close with the reason.
    nft.stdin.on("error", () => {});
    nft.stdin.end(input);
  });
}

const packages: Record<string, string> = { nft: "nftables", unshare: "util-linux" };

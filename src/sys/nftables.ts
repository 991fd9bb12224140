import { spawn } from "node:child_process";
import { hasCode, unavailable } from "../errors.ts";

/**
 * Runs an nft(8) script as one transaction: all of it takes effect, or nothing.
 * @throws Error with nft's own text, or unavailable when nft is not installed.
 */
export function runNft(script: string): Promise<string> {
  return run(["-f", "-"], script);
}

/** A map's elements, each as nft writes it in a script: "tcp . 80 : 172.17.0.2 . 8080". @throws as `runNft` */
export async function listNftMap(table: string, map: string): Promise<string[]> {
  const listing = JSON.parse(await run(["-j", "list", "map", ...table.split(" "), map], "")) as NftListing;
  const elements = listing.nftables.flatMap((item) => item.map?.elem ?? []);
  return elements.map(([key, value]) => `${key.concat.join(" . ")} : ${value.concat.join(" . ")}`);
}

/** What is needed of libnftables-json(5). */
interface NftListing {
  nftables: { map?: { elem?: [key: Concatenation, value: Concatenation][] } }[];
}

interface Concatenation {
  concat: (string | number)[];
}

function run(words: string[], input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const nft = spawn("nft", words, { stdio: ["pipe", "pipe", "pipe"] });
    let output = "";
    let complaint = "";
    nft.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    nft.stderr.setEncoding("utf8").on("data", (text: string) => {
      complaint += text;
    });
    nft.on("error", (error) =>
      reject(
        hasCode(error, "ENOENT")
          ? unavailable("nft is not installed: install the package nftables", error)
          : error,
      ),
    );
    nft.on("close", (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`nft: ${complaint.trim() || `exit code ${code}`}`));
    });
    // A broken pipe is followed by a close with the reason.
    nft.stdin.on("error", () => {});
    nft.stdin.end(input);
  });
}

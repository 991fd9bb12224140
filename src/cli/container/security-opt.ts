import { readFileSync } from "node:fs";
import { hasCode } from "../../errors.ts";
import type { HostConfig } from "../../formats/docker-api/docker-api.ts";

type Security = Pick<HostConfig, "SecurityOpt" | "MaskedPaths" | "ReadonlyPaths">;

/** Reads a seccomp profile in, and turns `systempaths=unconfined` into empty path lists, both as Docker's CLI does. */
export function parseSecurity(options: readonly string[]): Security {
  const isUnconfined = options.includes("systempaths=unconfined");
  const sent = options.filter((option) => option !== "systempaths=unconfined").map(parseOption);
  return {
    SecurityOpt: options.length > 0 ? sent : null,
    MaskedPaths: isUnconfined ? [] : null,
    ReadonlyPaths: isUnconfined ? [] : null,
  };
}

function parseOption(option: string): string {
  if (option === "no-new-privileges") return option;
  const at = option.search(/[=:]/);
  if (at === -1) throw new Error(`Invalid --security-opt: ${JSON.stringify(option)}`);
  const name = option.slice(0, at);
  const value = option.slice(at + 1);
  if (name !== "seccomp" || value === "unconfined" || value === "builtin") return option;
  return `seccomp=${readProfile(value)}`;
}

function readProfile(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const reason = hasCode(error, "ENOENT") ? "no such file or directory" : String(error);
    throw new Error(`opening seccomp profile (${file}) failed: open ${file}: ${reason}`);
  }
  try {
    return JSON.stringify(JSON.parse(text));
  } catch (error) {
    throw new Error(
      `compacting json for seccomp profile (${file}) failed: ${error instanceof Error ? error.message : error}`,
    );
  }
}

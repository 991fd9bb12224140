import {
  chmodSync,
  chownSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { hasCode } from "../../errors.ts";
import type { Cli } from "../cli.ts";
import type { CliConfig } from "../config.ts";

/**
 * Changes Docker's config.json, which other programs read meanwhile: the new one takes the old one's place at once, and a link
 * stays a link. What we do not know in it is kept.
 * @param isSecret what is new is for its owner alone
 * @returns its path
 */
export function changeConfig(cli: Cli, change: (config: CliConfig) => CliConfig, isSecret = false): string {
  const file = join(cli.configFolder, "config.json");
  mkdirSync(cli.configFolder, { recursive: true, mode: 0o700 });
  const target = resolve(file);
  const config = change(readConfig(target));
  const fresh = `${target}.${process.pid}`;
  writeFileSync(fresh, JSON.stringify(config, null, "\t"), { mode: 0o600 });
  giveAway(fresh, target, isSecret ? 0o700 : 0o777);
  renameSync(fresh, target);
  Object.assign(cli.config, config);
  return file;
}

/**
 * To whom the old one belongs, if we may: the user's file stays the user's when root changes it.
 * @param mostRights of those that the old one gives
 */
function giveAway(file: string, old: string, mostRights: number): void {
  const stat = statSync(old, { throwIfNoEntry: false });
  if (!stat) return;
  try {
    chownSync(file, stat.uid, stat.gid);
    chmodSync(file, stat.mode & mostRights);
  } catch (error) {
    if (!hasCode(error, "EPERM")) throw error;
  }
}

function resolve(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return join(realpathSync(dirname(file)), "config.json");
  }
}

/** Fresh from the disk, since another program may have changed it. @throws Error rather than write over what is damaged */
function readConfig(file: string): CliConfig {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
    return {};
  }
  return text.trim() === "" ? {} : JSON.parse(text);
}

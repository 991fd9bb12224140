import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * The stock command lines that there are: the machine's own, and those of Debian's newer suites where `scripts/test.sh` has put
 * them.
 */
export const stockDockers: readonly string[] = [
  "/usr/bin/docker",
  "/usr/local/bin/docker",
  ...["trixie", "sid"].map((suite) =>
    fileURLToPath(new URL(`../.tools/peers/${suite}/docker`, import.meta.url)),
  ),
].filter((program) => existsSync(program));

/** Whether it is from before 23.0: its BuildKit is the engine's own, and no plugin of the client's. */
export function isOldDocker(program: string): boolean {
  const { stdout } = spawnSync(program, ["version", "--format", "{{.Client.Version}}"], { encoding: "utf8" });
  return /^(?:18|19|20)\./.test(stdout);
}

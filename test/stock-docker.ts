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

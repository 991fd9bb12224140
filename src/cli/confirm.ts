import { createInterface } from "node:readline/promises";
import type { Cli } from "./cli.ts";

/** Asks as Docker's prune commands do; anything but y or yes is a no. */
export async function confirm(cli: Cli, warning: string): Promise<boolean> {
  cli.stdout.write(`${warning}\nAre you sure you want to continue? [y/N] `);
  const lines = createInterface({ input: cli.stdin });
  try {
    for await (const line of lines) return ["y", "yes"].includes(line.trim().toLowerCase());
    return false;
  } finally {
    lines.close();
  }
}

import { runCommand } from "./engine.ts";
import type { Row } from "./results.ts";

/** Programs without a daemon that some rows compare with. */
const tools = ["skopeo", "buildah"];

/** Those that were measured, with their versions. */
export function toolsOf(rows: Row[]): Promise<{ name: string; version: string }[]> {
  const measured = tools.filter((name) => rows.some(({ values }) => values[name] !== undefined));
  return Promise.all(measured.map(async (name) => ({ name, version: await versionOf(name) })));
}

/** @throws Error when it is not installed */
async function versionOf(program: string): Promise<string> {
  return /version (\S+)/.exec(await runCommand(program, ["--version"]))?.[1] ?? "?";
}

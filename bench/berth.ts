import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BenchEngine, launch, runCommand } from "./engine.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** A copy of the bundle, which another build of this checkout cannot change while we measure. @returns its folder */
export function copyBundle(folder: string): string {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(join(root, "dist"), join(folder, "dist"), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  return join(folder, "dist");
}

/**
 * @param bundle from `copyBundle`
 * @param isAgain on the files of one that was halted
 */
export async function startBerth(
  folder: string,
  bundle: string,
  { name = "berth", isAgain = false } = {},
): Promise<BenchEngine> {
  const cgroupParent = `/${name}-bench`;
  const flags = `--data-root ${folder}/data --exec-root ${folder}/run --cgroup-parent ${cgroupParent}`;
  const version = await runCommand("git", ["-C", root, "rev-parse", "--short", "HEAD"]).catch(
    () => "unknown",
  );
  return launch({
    name,
    version,
    folder,
    cgroupParent,
    isAgain,
    script: `${process.execPath} --max-semi-space-size=2 ${bundle}/daemon/main.js ${flags} -H unix://${folder}/engine.sock`,
  });
}

/** As the launcher has them. */
const cliFlags = ["--min-semi-space-size=16"];

/** Our own command line, from the bundle. */
export function berth(engine: BenchEngine, bundle: string, words: string[]): Promise<string> {
  const environment = { BERTH_HOST: engine.host, DOCKER_CONFIG: "/nonexistent" };
  return runCommand(process.execPath, [...cliFlags, join(bundle, "cli/main.js"), ...words], {
    environment,
    timeoutSeconds: 300,
  });
}

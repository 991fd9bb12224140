import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { OciProcess, OciSpec } from "../runtime/oci-spec.ts";

/** The folder that the OCI runtime is given, on a file system in memory. */
export function bundleOf(execRoot: string, id: string): string {
  return join(execRoot, "bundles", id);
}

export function writeBundle(bundle: string, spec: OciSpec): void {
  mkdirSync(bundle, { recursive: true, mode: 0o700 });
  writeFileSync(join(bundle, "config.json"), JSON.stringify(spec), { mode: 0o600 });
}

export function removeBundle(bundle: string): void {
  rmSync(bundle, { recursive: true, force: true });
}

/** What describes one more process in the container. */
export const processFileOf = (bundle: string, id: string) => join(bundle, `exec-${id}.json`);

/** Writes the description of one more process beside that of the first, for as long as `use` takes. */
export async function withProcessFile<R>(
  bundle: string,
  id: string,
  process: OciProcess,
  use: (path: string) => Promise<R>,
): Promise<R> {
  const path = processFileOf(bundle, id);
  try {
    writeFileSync(path, JSON.stringify(process), { mode: 0o600 });
    return await use(path);
  } finally {
    rmSync(path, { force: true });
  }
}

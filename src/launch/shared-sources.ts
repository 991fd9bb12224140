import { join } from "node:path";
import type { OciMount } from "../runtime/oci-spec.ts";
import type { StartOptions } from "../supervisor-protocol/protocol.ts";

/**
 * Leads the runtime, for mounts that are shared with the host, to places in `folder` instead of to their sources: where it runs, all
 * mounts at the sources only follow those of the host. The supervisor is to attach the host's own at the places.
 */
export function stageShared(
  mounts: OciMount[],
  folder: string,
): { mounts: OciMount[]; shared: StartOptions["shared"] } {
  const sources: string[] = [];
  const staged = mounts.map((mount) => {
    if (!isShared(mount)) return mount;
    return { ...mount, source: join(folder, String(sources.push(mount.source) - 1)) };
  });
  return { mounts: staged, shared: sources.length > 0 ? { folder, sources } : undefined };
}

function isShared({ type, options }: OciMount): boolean {
  return type === "bind" && (options.includes("shared") || options.includes("rshared"));
}

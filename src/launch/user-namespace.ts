import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { findOutside, type IdMapping, rootOutside } from "../formats/id-mapping.ts";
import type { OciMount } from "../runtime/oci-spec.ts";
import type { User } from "../runtime/process.ts";
import type { StartOptions } from "../supervisor-protocol/protocol.ts";
import type { LaunchMount } from "./launch-mount.ts";
import type { UserNamespaceChoice } from "./namespaces.ts";

/** @throws EngineError invalid in runc's words, after `prefix` as in start-failure.ts, for ids that the namespace does not have */
export function checkMapped(mapping: IdMapping | undefined, user: User, prefix: string): void {
  if (!mapping) return;
  const refuse = (reason: string) => new EngineError("invalid", `${prefix}unable to setup user: ${reason}`);
  if (findOutside(mapping.uids, user.uid) === undefined)
    throw refuse("cannot set uid to unmapped user in user namespace");
  if (findOutside(mapping.gids, user.gid) === undefined)
    throw refuse("cannot set gid to unmapped user in user namespace");
  const isMapped = (group: number) => findOutside(mapping.gids, group) !== undefined;
  if (!user.additionalGids.every(isMapped)) throw refuse("setgroups: invalid argument");
}

/**
 * Leads the runtime, for mounts whose owners are to be mapped, to places in `folder` instead of to their sources. The supervisor is to
 * attach mapped copies there.
 */
export function stageRemapped(
  mounts: LaunchMount[],
  userNamespace: UserNamespaceChoice | undefined,
  folder: string,
): { mounts: OciMount[]; remap: StartOptions["remap"] } {
  const sources: string[] = [];
  const staged = mounts.map(({ isOwn, isDirectory: _, ...mount }) => {
    if (!userNamespace || !isOwn || mount.type !== "bind") return mount;
    return { ...mount, source: join(folder, String(sources.push(mount.source) - 1)) };
  });
  if (!userNamespace) return { mounts: staged, remap: undefined };
  const { path: userns, mapping } = userNamespace;
  return { mounts: staged, remap: { userns, owner: rootOutside(mapping), folder, sources } };
}

import { invalid } from "../errors.ts";
import type { HostConfig } from "../formats/docker-api/docker-api.ts";

/**
 * Refuses options of mounts that the request's version of the API does not have, and has others mean what they did then.
 * @param version minor number: 44 for 1.44
 * @returns leavesBelow: mounts below a read-only source stay as they are
 * @throws EngineError invalid in Docker's words
 */
export function settleMountVersion(hostConfig: HostConfig, version: number): { leavesBelow: boolean } {
  for (const mount of hostConfig.Mounts ?? []) {
    const { Type, BindOptions, VolumeOptions } = mount;
    if (version < 40 && BindOptions) delete BindOptions.NonRecursive;
    if (version < 44 && BindOptions) {
      if (BindOptions.ReadOnlyForceRecursive)
        throw invalid("BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer");
      BindOptions.ReadOnlyNonRecursive = true;
    }
    if (version < 45 && VolumeOptions?.Subpath)
      throw invalid("VolumeOptions.Subpath needs API v1.45 or newer");
    if (version < 48 && Type === "image") throw invalid('Mount type "Image" needs API v1.48 or newer');
  }
  return { leavesBelow: version < 44 };
}

import type { ContainerInspect } from "../../../src/formats/docker-api/docker-api.ts";

export type Mount = NonNullable<ContainerInspect["HostConfig"]["Mounts"]>[number];

/** Whether a text is a mount as `-v` has it, with a name or a folder before its place. */
export const isMount = (text: string) => /^[^:]+:\/[^:]*(?::[\w,]+)?$/.test(text.trim());

/** What `--mount` asked for, as `-v` has it: "data:/data:ro". Undefined for what `-v` cannot say. */
export function formatMount(mount: Mount): string | undefined {
  const { Type, Source = "", Target = "", ReadOnly, BindOptions: bind, VolumeOptions: volume } = mount;
  if (Type !== "volume" && Type !== "bind") return undefined;
  const isPart = bind?.NonRecursive || bind?.ReadOnlyNonRecursive || bind?.ReadOnlyForceRecursive;
  if (isPart || volume?.Subpath) return undefined;
  const options = [ReadOnly ? "ro" : "", volume?.NoCopy ? "nocopy" : "", bind?.Propagation ?? ""];
  const text = [Source, Target, options.filter(Boolean).join(",")].filter(Boolean).join(":");
  // With a colon in a path it would be another; without a source it is a volume of no name.
  return Source !== "" && isMount(text) ? text : undefined;
}

import { invalid } from "../errors.ts";
import { cleanPath, parseMountTarget, propagations } from "../formats/bind-spec.ts";
import type { MountSpec, VolumeCreateRequest } from "../formats/docker-api/docker-api.ts";
import type { ResolvedMount } from "./resolved-mount.ts";
import { isLocalPath } from "./subpath.ts";

/** A mount whose volume is not made yet. */
export interface PlannedMount extends ResolvedMount {
  volume?: VolumeCreateRequest;
}

export const plain: Omit<ResolvedMount, "type" | "destination"> = {
  source: "",
  mode: "",
  readOnly: false,
  propagation: "",
  copyUp: false,
  isAnonymous: false,
  createSource: false,
  isNonRecursive: false,
  below: "",
  subpath: "",
  imageId: "",
  tmpfsOptions: "",
  isListed: true,
};

type Refuse = (reason: string) => Error;

/** One entry of `HostConfig.Mounts`: what a user typed after --mount. @throws invalid in Docker's words */
export function planMount(spec: MountSpec): PlannedMount {
  const type = spec.Type ?? "";
  refuseForeignOptions(spec);
  const refuse: Refuse = (reason) => invalid(`invalid mount config for type "${type}": ${reason}`);
  const planOne = isPlanned(type) ? plans[type] : undefined;
  if (!planOne) throw refuse("mount type unknown");
  const destination = parseMountTarget(spec.Target ?? "", type);
  if (type !== "image" && spec.ImageOptions) throw refuse("field ImageOptions must not be specified");
  return planOne(spec, { ...plain, destination, readOnly: spec.ReadOnly ?? false }, refuse);
}

const owners = { BindOptions: "bind", VolumeOptions: "volume", TmpfsOptions: "tmpfs" } as const;

function refuseForeignOptions(spec: MountSpec): void {
  for (const field of ["BindOptions", "VolumeOptions", "TmpfsOptions"] as const)
    if (spec[field] && spec.Type && spec.Type !== owners[field])
      throw invalid(`${field} must not be specified on mount type "${spec.Type}"`);
}

type Base = Omit<PlannedMount, "type">;
const plans = { bind: planBindMount, volume: planVolume, tmpfs: planTmpfsMount, image: planImage };

function isPlanned(type: string): type is keyof typeof plans {
  return Object.hasOwn(plans, type);
}

function planBindMount({ Source, BindOptions }: MountSpec, base: Base, refuse: Refuse): PlannedMount {
  const source = Source ?? "";
  if (source === "") throw refuse("field Source must not be empty");
  const { Propagation, NonRecursive, CreateMountpoint, ReadOnlyNonRecursive, ReadOnlyForceRecursive } =
    BindOptions ?? {};
  if (Propagation && !propagations.includes(Propagation))
    throw refuse(`invalid propagation mode: ${Propagation}`);
  if (!source.startsWith("/")) throw refuse(`invalid mount path: '${source}' mount path must be absolute`);
  if (ReadOnlyNonRecursive && ReadOnlyForceRecursive)
    throw invalid("mount options conflict: ReadOnlyNonRecursive && ReadOnlyForceRecursive");
  return {
    ...base,
    type: "bind",
    source: cleanPath(source),
    propagation: Propagation ?? "",
    createSource: CreateMountpoint ?? false,
    isNonRecursive: NonRecursive ?? false,
    below: ReadOnlyNonRecursive ? "writable" : ReadOnlyForceRecursive ? "readonly" : "",
  };
}

function planVolume({ Source, VolumeOptions }: MountSpec, base: Base, refuse: Refuse): PlannedMount {
  const { NoCopy, Labels, DriverConfig, Subpath = "" } = VolumeOptions ?? {};
  if (Subpath && !Source) throw refuse("must not set Subpath when using anonymous volumes");
  checkSubpath(Subpath, refuse);
  if (base.readOnly && !Source) throw refuse("must not set ReadOnly mode when using anonymous volumes");
  const volume: VolumeCreateRequest = {
    ...(Source && { Name: Source }),
    ...(Labels && { Labels }),
    ...(DriverConfig?.Name && { Driver: DriverConfig.Name }),
    ...(DriverConfig?.Options && { DriverOpts: DriverConfig.Options }),
  };
  return {
    ...base,
    type: "volume",
    mode: "z",
    // As Docker: only the whole of a volume is filled.
    copyUp: !NoCopy && Subpath === "",
    isAnonymous: !Source,
    subpath: Subpath,
    volume,
  };
}

function planImage({ Source, ImageOptions }: MountSpec, base: Base, refuse: Refuse): PlannedMount {
  const name = Source ?? "";
  if (name === "") throw refuse("field Source must not be empty");
  const subpath = ImageOptions?.Subpath ?? "";
  checkSubpath(subpath, refuse);
  return { ...base, type: "image", name, readOnly: true, propagation: "rprivate", subpath };
}

function checkSubpath(subpath: string, refuse: Refuse): void {
  if (subpath !== "" && !isLocalPath(subpath))
    throw refuse("subpath must be a relative path within the volume");
}

function planTmpfsMount({ Source, TmpfsOptions }: MountSpec, base: Base, refuse: Refuse): PlannedMount {
  if (Source) throw refuse("field Source must not be specified");
  const options = (TmpfsOptions?.Options ?? []).map((option) => {
    const [name = "", value] = option ?? [];
    if (option === null || option.length < 1 || option.length > 2)
      throw refuse("invalid option array length");
    if (!["exec", "noexec"].includes(name)) throw refuse(`invalid option: ${name}`);
    return value === undefined ? name : `${name}=${value}`;
  });
  if (TmpfsOptions?.SizeBytes) options.push(`size=${TmpfsOptions.SizeBytes}`);
  if (TmpfsOptions?.Mode) options.push(`mode=${TmpfsOptions.Mode.toString(8)}`);
  return { ...base, type: "tmpfs", tmpfsOptions: options.join(",") };
}

import type { ContainerInspect } from "../../../src/formats/docker-api/docker-api.ts";
import type { OfImage } from "./form.ts";
import { formatMount, type Mount } from "./mounts.ts";

type HostConfig = ContainerInspect["HostConfig"];

/** Flags of `docker run` that the form has no field for, by the member that has what they said. */
const flags: readonly (readonly [member: keyof HostConfig, flag: string])[] = [
  ["CapAdd", "--cap-add"],
  ["CapDrop", "--cap-drop"],
  ["Devices", "--device"],
  ["DeviceRequests", "--gpus"],
  ["Dns", "--dns"],
  ["DnsOptions", "--dns-option"],
  ["DnsSearch", "--dns-search"],
  ["ExtraHosts", "--add-host"],
  ["GroupAdd", "--group-add"],
  ["Init", "--init"],
  ["PidMode", "--pid"],
  ["PublishAllPorts", "-P"],
  ["ReadonlyRootfs", "--read-only"],
  ["Sysctls", "--sysctl"],
  ["Tmpfs", "--tmpfs"],
  ["Ulimits", "--ulimit"],
  ["VolumesFrom", "--volumes-from"],
];

/** What of a container the form cannot hold, in the words of docker's command line. */
export function findLeftOut({ Config, HostConfig }: ContainerInspect, image: OfImage): string[] {
  const isOfImage = JSON.stringify(Config.Entrypoint ?? []) === JSON.stringify(image.Entrypoint ?? []);
  return [
    ...(HostConfig.Mounts ?? []).filter((mount) => formatMount(mount) === undefined).map(describe),
    ...flags.flatMap(([member, flag]) => (isEmpty(HostConfig[member]) ? [] : [flag])),
    ...(isOfImage ? [] : ["--entrypoint"]),
  ];
}

function describe({ Type = "", Source, Target = "" }: Mount): string {
  return `--mount type=${Type},${Source ? `src=${Source},` : ""}dst=${Target}`;
}

const isEmpty = (value: unknown) => !value || (typeof value === "object" && Object.keys(value).length === 0);

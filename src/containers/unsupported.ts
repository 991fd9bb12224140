import { notImplemented } from "../errors.ts";
import type { ContainerConfig, EndpointSettings, HostConfig } from "../formats/docker-api.ts";

/**
 * Refuses what this engine cannot do yet, by the name of the flag that asks for it: nothing is silently left out.
 * @throws EngineError notImplemented
 */
export function refuseUnsupported(
  config: ContainerConfig,
  hostConfig: HostConfig,
  endpoints: Record<string, EndpointSettings>,
): void {
  const endpoint = Object.values(endpoints);
  const asked: [flag: string, asked: unknown][] = [
    ["--health-cmd", config.Healthcheck?.Test?.length && config.Healthcheck.Test[0] !== "NONE"],
    ["--gpus", hostConfig.DeviceRequests?.length],
    ["--link", hostConfig.Links?.length || endpoint.some(({ Links }) => Links?.length)],
    ["--storage-opt", hostConfig.StorageOpt && Object.keys(hostConfig.StorageOpt).length],
    ["--isolation", hostConfig.Isolation && hostConfig.Isolation !== "default"],
    ["--userns", hostConfig.UsernsMode && hostConfig.UsernsMode !== "host"],
    ["--log-driver", !["", "json-file", "none"].includes(hostConfig.LogConfig.Type)],
    ["--volume-driver", hostConfig.VolumeDriver && hostConfig.VolumeDriver !== "local"],
    ["--mount type=image", hostConfig.Mounts?.some(({ Type }) => Type === "image")],
    ["--ip6", endpoint.some(({ IPAMConfig }) => IPAMConfig?.IPv6Address)],
    ["--link-local-ip", endpoint.some(({ IPAMConfig }) => IPAMConfig?.LinkLocalIPs?.length)],
  ];
  const flag = asked.find(([, isAsked]) => isAsked)?.[0];
  if (flag) throw notImplemented(`not yet supported: ${flag}`);
}

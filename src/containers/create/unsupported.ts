import { notImplemented } from "../../errors.ts";
import type { ContainerConfig, HostConfig } from "../../formats/docker-api/docker-api.ts";

/**
 * Refuses what this engine cannot do yet, by the name of the flag that asks for it: nothing is silently left out.
 * @throws EngineError notImplemented
 */
export function refuseUnsupported(_config: ContainerConfig, _hostConfig: HostConfig): void {
  const asked: [flag: string, asked: unknown][] = [];
  const flag = asked.find(([, isAsked]) => isAsked)?.[0];
  if (flag) throw notImplemented(`not yet supported: ${flag}`);
}

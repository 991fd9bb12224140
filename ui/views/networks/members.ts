import type { ContainerSummary } from "../../../src/formats/docker-api/docker-api.ts";

type OfNetworks = Pick<ContainerSummary, "NetworkSettings">;

/** Whether a container is on a network of that name, which may be one that every object knows: "constructor". */
export const isOnNetwork = ({ NetworkSettings }: OfNetworks, name: string) =>
  Object.hasOwn(NetworkSettings?.Networks ?? {}, name);

import { invalid } from "../../errors.ts";
import type { EndpointSettings } from "../../formats/docker-api/docker-api.ts";
import { findModeContainer } from "../../formats/namespace-mode.ts";
import type { Networks } from "../../networks/networks.ts";

/**
 * The networks that a container is to be joined to, with what it asks of each. What a client lists decides, and the mode where it lists
 * none; the mode's own network is called as the mode calls it.
 * @throws EngineError invalid for networks beside another's network namespace
 */
export function settleEndpoints(
  networks: Networks,
  mode: string,
  given: Record<string, EndpointSettings>,
): Record<string, EndpointSettings> {
  const modeId = networks.findNetwork(mode)?.id;
  const nameOf = (key: string) => {
    const name = key === "default" ? "bridge" : key;
    return modeId !== undefined && networks.findNetwork(name)?.id === modeId ? mode : name;
  };
  const settled = Object.entries(given).map(([key, settings]) => [nameOf(key), wishesOf(settings)] as const);
  if (mode !== "host" && findModeContainer(mode) === undefined)
    return settled.length > 0 ? Object.fromEntries(settled) : { [mode]: {} };
  if (settled.some(([name]) => name !== mode))
    throw invalid(
      "container sharing network namespace with another container or host cannot be connected to any other network",
    );
  return {};
}

/** The rest says how an earlier container was connected, which inspect shows and clients send back. */
export function wishesOf(settings: EndpointSettings): EndpointSettings {
  const { IPAMConfig, Links, Aliases, MacAddress, DriverOpts, GwPriority } = settings;
  const wishes: EndpointSettings = {};
  if (IPAMConfig) wishes.IPAMConfig = IPAMConfig;
  if (Links) wishes.Links = Links;
  if (Aliases) wishes.Aliases = Aliases;
  if (MacAddress) wishes.MacAddress = MacAddress;
  if (DriverOpts) wishes.DriverOpts = DriverOpts;
  if (GwPriority) wishes.GwPriority = GwPriority;
  return wishes;
}

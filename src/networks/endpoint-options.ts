import { internal, invalid } from "../errors.ts";
import type { EndpointSettings } from "../formats/docker-api/docker-api.ts";
import { isLinkName, isTooLong } from "./bridge-options.ts";

const nameOption = "com.docker.network.endpoint.ifname";
const sysctlOption = "com.docker.network.endpoint.sysctls";

/** A setting of the kernel for one interface: "ipv4/conf" and "log_martians". */
export interface InterfaceSysctl {
  group: string;
  key: string;
  value: string;
}

/**
 * The name that a user has chosen for an interface inside; undefined for the next free one.
 * @param taken those of its other interfaces
 * @throws internal in Docker's words
 */
export function readInterfaceName(
  { DriverOpts }: EndpointSettings,
  taken: ReadonlySet<string>,
): string | undefined {
  const name = DriverOpts?.[nameOption];
  if (!name) return undefined;
  const refuse = (reason: string) =>
    internal(
      `failed to add interface to sandbox: error renaming interface to ${JSON.stringify(name)}: ${reason}`,
    );
  if (name === "lo" || taken.has(name)) throw refuse("file exists");
  if (isTooLong(name)) throw refuse("numerical result out of range");
  if (!isLinkName(name)) throw refuse("invalid argument");
  return name;
}

/** @throws invalid in Docker's words */
export function readInterfaceSysctls({ DriverOpts }: EndpointSettings): InterfaceSysctl[] {
  const text = DriverOpts?.[sysctlOption];
  if (!text) return [];
  return text.split(",").map((setting) => {
    const [name = "", ...value] = setting.split("=");
    const [, family, group, key] =
      /^net\.(ipv4|ipv6|mpls)\.([a-z]+)\.IFNAME\.([a-z0-9_]+)$/i.exec(name) ?? [];
    if (!family || !group || !key || value.length === 0)
      throw invalid(
        `unrecognised network interface sysctl '${setting}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'`,
      );
    return { group: `${family}/${group}`.toLowerCase(), key, value: value.join("=") };
  });
}

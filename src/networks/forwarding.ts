import { hasCode } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Bridge } from "./bridge.ts";
import type { Kernel } from "./kernel.ts";

/** Has this machine pass on packets of the families that its bridges have. */
export async function enableForwarding(
  kernel: Kernel,
  bridges: readonly Bridge[],
  logger: Logger,
): Promise<void> {
  const before = await kernel.setSysctl({ path: "net/ipv4/ip_forward", value: "1" });
  if (before !== "1") logger.info("enabled IPv4 forwarding (net.ipv4.ip_forward)");
  if (hasIpv6Bridge(bridges)) await enableIpv6Forwarding(kernel, logger);
}

export const hasIpv6Bridge = (bridges: readonly Bridge[]) =>
  bridges.some(({ homes }) => homes.some(({ subnet }) => subnet.address.family === 6));

/** The same for each bridge, where it was switched off for one alone. */
export async function forwardFromBridges(kernel: Kernel, bridges: readonly Bridge[]): Promise<void> {
  const paths = bridges.map(({ link }) => `net/ipv4/conf/${link}/forwarding`);
  const values = await kernel.readSysctls(paths);
  for (const [number, path] of paths.entries())
    if (values[number] === "0") await kernel.setSysctl({ path, value: "1" });
}

/** A machine that forwards ignores router advertisements unless accept_ra is 2: links that listened to them must go on doing so. */
async function enableIpv6Forwarding(kernel: Kernel, logger: Logger): Promise<void> {
  const path = "net/ipv6/conf/all/forwarding";
  try {
    if ((await kernel.readSysctl(path)) === "1") return;
    for (const { name } of await kernel.listLinks()) {
      const setting = `net/ipv6/conf/${name}/accept_ra`;
      if ((await kernel.readSysctl(setting).catch(() => "")) === "1")
        await kernel.setSysctl({ path: setting, value: "2" });
    }
    await kernel.setSysctl({ path, value: "1" });
    logger.info("enabled IPv6 forwarding (net.ipv6.conf.all.forwarding)");
  } catch (error) {
    // A kernel without IPv6.
    if (!hasCode(error, "ENOENT")) throw error;
  }
}

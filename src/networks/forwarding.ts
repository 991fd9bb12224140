import { hasCode } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Bridge } from "./bridge.ts";
import type { ForwardingGuard } from "./forwarding-guard.ts";
import type { Kernel } from "./kernel.ts";
import type { NetworksConfig } from "./settings.ts";

interface Forwarding {
  /** Has this machine pass on packets of the families that its bridges have. */
  enable(bridges: readonly Bridge[]): Promise<void>;
  /** The same for each bridge, where it was switched off for one alone. */
  enableFor(bridges: readonly Bridge[]): Promise<void>;
}

interface ForwardingOptions {
  kernel: Kernel;
  logger: Logger;
  guard: ForwardingGuard;
  settings: Pick<NetworksConfig, "enablesForwarding" | "guardsForwarding">;
}

export function createForwarding({ kernel, logger, guard, settings }: ForwardingOptions): Forwarding {
  let hasBegun = false;

  async function begin(): Promise<void> {
    if (hasBegun) return;
    if (settings.guardsForwarding) await guard.look();
    else await guard.remove();
    hasBegun = true;
  }

  async function switchOn(family: 4 | 6, path: string): Promise<void> {
    // First, so that the machine is never open: this engine may be killed in between.
    if (settings.guardsForwarding) await guard.put(family);
    if (family === 6) await keepAdvertisements(kernel);
    await kernel.setSysctl({ path, value: "1" });
    const others = settings.guardsForwarding
      ? "; packets between links that are no bridges are dropped (ip-forward-no-drop)"
      : "";
    logger.info(`enabled IPv${family} forwarding (${path.replaceAll("/", ".")})${others}`);
  }

  async function isOff(path: string): Promise<boolean> {
    try {
      return (await kernel.readSysctl(path)) !== "1";
    } catch (error) {
      // A kernel without IPv6.
      if (!hasCode(error, "ENOENT")) throw error;
      return false;
    }
  }

  return {
    async enable(bridges) {
      await begin();
      if (!settings.enablesForwarding) return;
      for (const [family, path] of forwardingPaths(bridges))
        if (await isOff(path)) await switchOn(family, path);
    },
    async enableFor(bridges) {
      if (!settings.enablesForwarding) return;
      const paths = bridges.map(({ link }) => `net/ipv4/conf/${link}/forwarding`);
      const values = await kernel.readSysctls(paths);
      for (const [number, path] of paths.entries())
        if (values[number] === "0") await kernel.setSysctl({ path, value: "1" });
    },
  };
}

/** What has to be on for these bridges. */
export function forwardingPaths(bridges: readonly Bridge[]): [family: 4 | 6, path: string][] {
  const hasIpv6 = bridges.some(({ homes }) => homes.some(({ subnet }) => subnet.address.family === 6));
  return [
    [4, "net/ipv4/ip_forward"],
    ...(hasIpv6 ? [[6, "net/ipv6/conf/all/forwarding"] as [6, string]] : []),
  ];
}

/** A machine that forwards ignores router advertisements unless accept_ra is 2: links that listened to them must go on doing so. */
async function keepAdvertisements(kernel: Kernel): Promise<void> {
  for (const { name } of await kernel.listLinks()) {
    const path = `net/ipv6/conf/${name}/accept_ra`;
    if ((await kernel.readSysctl(path).catch(() => "")) === "1") await kernel.setSysctl({ path, value: "2" });
  }
}

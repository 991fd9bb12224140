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
    const routers = settings.guardsForwarding ? await findRouters(kernel, family) : [];
    const isGuarded = settings.guardsForwarding && routers.length === 0;
    // First, so that the machine is never open: this engine may be killed in between.
    if (isGuarded) await guard.put(family);
    if (family === 6) await keepAdvertisements(kernel);
    await kernel.setSysctl({ path, value: "1" });
    logger.info(
      { ...(routers.length > 0 && { routers }) },
      `enabled IPv${family} forwarding (${path.replaceAll("/", ".")})${describeOthers(isGuarded, routers)}`,
    );
  }

  /** A kernel without IPv6 has it neither on nor off. */
  const isOff = async (path: string) => (await kernel.readSysctls([path]))[0] === "0";

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

function describeOthers(isGuarded: boolean, routers: readonly string[]): string {
  if (isGuarded) return "; packets between links that are no bridges are dropped (ip-forward-no-drop)";
  return routers.length > 0
    ? "; packets between links that are no bridges are not dropped: this machine was a router for some of them"
    : "";
}

/** Links that an administrator has made forward by themselves. Those of bridges, which are not guarded, do not count. */
async function findRouters(kernel: Kernel, family: 4 | 6): Promise<string[]> {
  const links = (await kernel.listLinks()).filter(({ kind, master }) => kind !== "bridge" && master === 0);
  // In IPv6 "forwarding" alone does not have a link forward: Linux 6.17 and newer ask for this.
  const setting = family === 4 ? "forwarding" : "force_forwarding";
  const values = await kernel.readSysctls(
    links.map(({ name }) => `net/ipv${family}/conf/${name}/${setting}`),
  );
  return links.filter((_, number) => values[number] === "1").map(({ name }) => name);
}

export const forwardingPath = { 4: "net/ipv4/ip_forward", 6: "net/ipv6/conf/all/forwarding" } as const;

/** What has to be on for these bridges. */
export function forwardingPaths(bridges: readonly Bridge[]): [family: 4 | 6, path: string][] {
  const hasIpv6 = bridges.some(({ homes }) => homes.some(({ subnet }) => subnet.address.family === 6));
  return [[4, forwardingPath[4]], ...(hasIpv6 ? [[6, forwardingPath[6]] as [6, string]] : [])];
}

/** A machine that forwards ignores router advertisements unless accept_ra is 2: links that listened to them must go on doing so. */
async function keepAdvertisements(kernel: Kernel): Promise<void> {
  for (const { name } of await kernel.listLinks()) {
    const path = `net/ipv6/conf/${name}/accept_ra`;
    if ((await kernel.readSysctl(path).catch(() => "")) === "1") await kernel.setSysctl({ path, value: "2" });
  }
}

import { existsSync } from "node:fs";
import { hasCode, unavailable } from "../errors.ts";
import { setSysctl } from "../sys/sysctl.ts";

/**
 * What this machine must not learn from a link that containers send on. One with NET_RAW can send any frame: router
 * advertisements that give the machine addresses and a default route, redirects that send its packets elsewhere, packets
 * that name their own route. A link without IPv6 containers has none itself: whatever listens on all of the machine's IPv6
 * addresses would be reached by a link-local one.
 */
const settings: Record<string, string> = {
  "ipv6/accept_ra": "0",
  "ipv6/autoconf": "0",
  "ipv6/accept_redirects": "0",
  "ipv6/accept_source_route": "-1",
  "ipv6/proxy_ndp": "0",
  "ipv4/accept_redirects": "0",
  "ipv4/secure_redirects": "0",
  "ipv4/send_redirects": "0",
  "ipv4/accept_source_route": "0",
  "ipv4/proxy_arp": "0",
  "ipv4/arp_accept": "0",
  "ipv4/accept_local": "0",
  "ipv4/bootp_relay": "0",
};

export interface QuietLinkOptions {
  hasIpv6?: boolean;
  /**
   * Its ports do not hear each other. This machine answers for all of them, and passes on what its packet filter lets through
   * (RFC 3069).
   */
  isSeparated?: boolean;
}

/**
 * Call it before the link comes up. Runs on the network worker.
 * @throws unavailable when it is to have IPv6, and the kernel has none
 */
export function quietLink(
  name: string,
  { hasIpv6 = false, isSeparated = false }: QuietLinkOptions = {},
): void {
  if (hasIpv6 && !existsSync("/proc/sys/net/ipv6"))
    throw unavailable("IPv6 is switched off in the kernel of this machine");
  // Last, so that it listens to nothing before.
  const all = {
    ...settings,
    "ipv4/proxy_arp_pvlan": isSeparated ? "1" : "0",
    "ipv6/disable_ipv6": hasIpv6 ? "0" : "1",
  };
  for (const [setting, value] of Object.entries(all)) {
    const [family, key] = setting.split("/");
    try {
      setSysctl(`net/${family}/conf/${name}/${key}`, value);
    } catch (error) {
      // A kernel without IPv6, or without this setting.
      if (!hasCode(error, "ENOENT")) throw error;
    }
  }
}

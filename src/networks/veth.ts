import { randomBytes } from "node:crypto";
import { encodeNewVeth, encodeSetLinkByName } from "../sys/link-message.ts";
import {
  addressInside,
  type BridgeAttachment,
  bringUpInside,
  type HostSide,
  type InnerSide,
  type Interface,
} from "./interface.ts";
import { quietLink } from "./quiet-link.ts";

/**
 * Makes an interface of that name in the namespace behind `fd`, down and without address.
 * @param alias of its host end, where it is known whose it will be
 * @returns its host end
 */
export function addVeth(host: HostSide, fd: number, name: string, alias?: string): string {
  const veth = `veth${randomBytes(4).toString("hex").slice(0, 7)}`;
  const requests = [
    encodeNewVeth({ name: veth }, { name }, fd),
    // At once, since the next daemon would not know one that a killed daemon has left in a namespace that lives on.
    ...(alias === undefined ? [] : [encodeSetLinkByName(veth, { alias })]),
  ];
  host.socket.request(requests, veth);
  quietLink(veth);
  return veth;
}

/**
 * Puts it under its bridge and brings it up.
 * @param madeAs its name until now
 * @param veth its host end
 */
export function configureVeth(
  host: HostSide,
  inner: InnerSide,
  settings: Interface,
  attachment: BridgeAttachment,
  veth: string,
  madeAs = settings.name,
): void {
  const index = bringUpInside(inner, settings, madeAs);
  host.attach({ name: veth, ...attachment, mtu: settings.mtu });
  addressInside(inner, settings, index);
}

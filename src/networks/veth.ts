import { randomBytes } from "node:crypto";
import { encodeNewVeth } from "../sys/link-message.ts";
import {
  addressInside,
  type BridgeAttachment,
  bringUpInside,
  type HostSide,
  type InnerSide,
  type Interface,
} from "./interface.ts";
import { quietLink } from "./quiet-link.ts";

/** Makes an interface of that name in the namespace behind `fd`, down and without address. @returns its host end */
export function addVeth(host: HostSide, fd: number, name: string): string {
  const veth = `veth${randomBytes(4).toString("hex").slice(0, 7)}`;
  host.socket.request([encodeNewVeth({ name: veth }, { name }, fd)], veth);
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

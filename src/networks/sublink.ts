import { hasCode } from "../errors.ts";
import { encodeDeleteLink } from "../sys/link-message.ts";
import { encodeNewSublink } from "../sys/sublink-message.ts";
import {
  addressInside,
  bringUpInside,
  type HostSide,
  type InnerSide,
  type Interface,
  type ParentAttachment,
} from "./interface.ts";

/** What the kernel means by them, in the words of Docker's messages. */
const reasons: Readonly<Record<string, string>> = {
  ENODEV: "no such device",
  EBUSY: "device or resource busy",
  EINVAL: "invalid argument",
  EOPNOTSUPP: "operation not supported",
};

/** An error with the kernel's `code`, by which the caller knows that it may wait. */
function explainTaken(error: unknown, { macAddress }: Interface, parent: string): unknown {
  if (!hasCode(error, "EADDRINUSE")) return error;
  const message = `failed to set link up: address already in use: another interface on ${parent} has the MAC address ${macAddress}`;
  return Object.assign(new Error(message, { cause: error }), { code: "EADDRINUSE" });
}

/** Makes an interface in a namespace that is a part of its parent link, and brings it up. @throws Error with the kernel's `code` */
export function addSublink(
  host: HostSide,
  inner: InnerSide,
  settings: Interface,
  attachment: ParentAttachment,
): void {
  const { name } = settings;
  const { kind, parent } = attachment;
  try {
    const where = { name, parent: host.indexOf(parent), netnsFd: inner.fd };
    host.socket.request([encodeNewSublink(kind, where, attachment)], parent);
  } catch (error) {
    const [code, reason] = Object.entries(reasons).find(([known]) => hasCode(error, known)) ?? [];
    if (!code) throw error;
    throw Object.assign(new Error(`failed to create the ${kind} port on ${parent}: ${reason}`), { code });
  }
  try {
    addressInside(inner, settings, bringUpInside(inner, settings, name));
  } catch (error) {
    inner.socket.request([encodeDeleteLink(name)], name);
    throw explainTaken(error, settings, parent);
  }
}

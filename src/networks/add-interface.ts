import type { HostSide, InnerSide, Interface } from "./interface.ts";
import { addSublink } from "./sublink.ts";
import { addVeth, configureVeth } from "./veth.ts";

/** Adds an interface to a namespace: all of it, or nothing. @returns its host end; undefined where it has none */
export function addInterface(host: HostSide, inner: InnerSide, settings: Interface): string | undefined {
  const { name, attachment } = settings;
  if (attachment.kind !== "veth") {
    addSublink(host, inner, settings, attachment);
    return undefined;
  }
  const veth = addVeth(host, inner.fd, name, attachment.alias);
  try {
    configureVeth(host, inner, settings, attachment, veth);
    return veth;
  } catch (error) {
    host.removeLink(veth);
    throw error;
  }
}

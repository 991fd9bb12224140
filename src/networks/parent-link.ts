import { hasCode, unavailable } from "../errors.ts";
import { encodeNewLink, encodeSetLinkByName } from "../sys/link-message.ts";
import type { RouteRequest } from "../sys/rtnetlink-message.ts";
import { encodeNewVlan } from "../sys/sublink-message.ts";
import type { HostSide } from "./interface.ts";
import { quietLink } from "./quiet-link.ts";

/** A link that the engine makes for others to be parts of. */
export interface ParentLink {
  name: string;
  /** The frames of another link that bear a number; undefined for one that leads nowhere. */
  vlan: { parent: string; id: number } | undefined;
  /** Marks it as one engine's. */
  alias: string;
  /** All that do, since networks of two drivers can be on it. */
  marks: readonly string[];
}

/**
 * Makes it, or brings an existing one up. One of that name that the machine has by now is used as it is, like any other parent. Runs on the
 * network worker. @throws unavailable where the kernel lacks its kind
 */
export function ensureParent(host: HostSide, parent: ParentLink): void {
  const { name, vlan, alias, marks } = parent;
  const found = host.listLinks().find((link) => link.name === name);
  if (found && !marks.includes(found.alias)) return;
  if (!found) {
    if (vlan) makeVlan(host, parent, vlan);
    else makeDetached(host, parent);
    quietLink(name);
  }
  host.socket.request([encodeSetLinkByName(name, { up: true, alias })], name);
}

function makeVlan(
  host: HostSide,
  { name, alias }: ParentLink,
  { parent, id }: { parent: string; id: number },
): void {
  requireKind(host, "vlan");
  const request = encodeNewVlan({ name, parent: host.indexOf(parent) }, id);
  // Both at once, since a killed daemon would take its own for another's.
  host.socket.request([request, encodeSetLinkByName(name, { alias })], name);
}

/** A "dummy" as Docker does; an "ifb" is as good, and some kernels have it alone. */
function makeDetached({ socket }: HostSide, { name, alias }: ParentLink): void {
  const make = (kind: string) =>
    socket.request([encodeNewLink(kind, { name }), encodeSetLinkByName(name, { alias })], name);
  try {
    make("dummy");
  } catch (error) {
    if (!hasCode(error, "EOPNOTSUPP")) throw error;
    try {
      make("ifb");
    } catch (other) {
      throw explain("dummy", other);
    }
  }
}

/** Links that are parts of others. @throws unavailable where the kernel has none of that kind */
export function requireKind({ socket }: HostSide, kind: string): void {
  // Without a parent no link is made: a kernel that knows the kind says that it is missing.
  const request: RouteRequest = encodeNewLink(kind, { name: "berth-probe" });
  try {
    socket.request([request], kind);
  } catch (error) {
    if (hasCode(error, "EOPNOTSUPP")) throw explain(kind, error);
  }
}

const modules: Readonly<Record<string, string>> = { vlan: "8021q" };

function explain(kind: string, error: unknown): unknown {
  if (!hasCode(error, "EOPNOTSUPP")) return error;
  return unavailable(
    `the kernel of this machine has no ${kind} links: load its module ${modules[kind] ?? kind}`,
    error,
  );
}

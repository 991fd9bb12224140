import { encodeNewLink, type LinkSettings } from "./link-message.ts";
import { type Attribute, uint16le, uint32 } from "./netlink-message.ts";
import type { RouteRequest } from "./rtnetlink-message.ts";

const macvlanModes: Readonly<Record<string, number>> = { private: 1, vepa: 2, bridge: 4, passthru: 8 };
const ipvlanModes: Readonly<Record<string, number>> = { l2: 0, l3: 1, l3s: 2 };
const ipvlanFlags: Readonly<Record<string, number>> = { bridge: 0, private: 1, vepa: 2 };
const macvlanMode = 1;
const ipvlanAttribute = { mode: 1, flags: 2 };
const vlanId = 1;

/** The kinds of links that are parts of another one. */
export type SublinkKind = "macvlan" | "ipvlan";

/** A part of the link that the settings name as its parent, with frames and addresses of its own. */
export function encodeNewSublink(
  kind: SublinkKind,
  settings: LinkSettings,
  { mode, flag }: { mode: string; flag: string },
): RouteRequest {
  const data: Attribute[] =
    kind === "macvlan"
      ? [[macvlanMode, uint32(macvlanModes[mode] ?? 0)]]
      : [
          [ipvlanAttribute.mode, uint16le(ipvlanModes[mode] ?? 0)],
          [ipvlanAttribute.flags, uint16le(ipvlanFlags[flag] ?? 0)],
        ];
  return encodeNewLink(kind, settings, data);
}

/** The frames of a link that bear that number, 1 to 4094 (802.1Q). */
export function encodeNewVlan(settings: LinkSettings, id: number): RouteRequest {
  return encodeNewLink("vlan", settings, [[vlanId, uint16le(id)]]);
}

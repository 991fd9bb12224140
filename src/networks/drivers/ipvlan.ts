import { internal } from "../../errors.ts";
import type { NetworkDriver } from "../driver.ts";
import { createParentDriver, type ParentDriverOptions } from "./parent.ts";

const modes = ["l2", "l3", "l3s"];
const flags = ["bridge", "private", "vepa"];

/** Containers with addresses of their own on a link of the machine, whose MAC address they share. */
export function createIpvlanDriver(options: ParentDriverOptions): NetworkDriver {
  return createParentDriver(options, {
    kind: "ipvlan",
    prefix: "di",
    readMode({ ipvlan_mode: mode, ipvlan_flag: flag }) {
      if (mode && !modes.includes(mode))
        throw internal(
          `requested ipvlan mode '${mode}' is not valid, 'l2' mode is the ipvlan driver default`,
        );
      if (flag && !flags.includes(flag))
        throw internal(`requested ipvlan flag '${flag}' is not valid, 'bridge' is the ipvlan driver default`);
      return { mode: mode || "l2", flag: flag || "bridge" };
    },
    checkSharing({ parent }, [other]) {
      if (other)
        throw internal(`network di-${other.id.slice(0, 12)} is already using parent interface ${parent}`);
    },
    // Elsewhere every address is on the link itself.
    hasGateway: ({ mode }) => mode === "l2",
    whyNoMac: "ipvlan interfaces do not support custom mac address assignment",
  });
}

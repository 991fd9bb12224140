import { internal } from "../../errors.ts";
import type { NetworkDriver } from "../driver.ts";
import { createParentDriver, type ParentDriverOptions } from "./parent.ts";

const modes = ["bridge", "private", "vepa", "passthru"];

/** Containers with MAC addresses of their own on a link of the machine. */
export function createMacvlanDriver(options: ParentDriverOptions): NetworkDriver {
  return createParentDriver(options, {
    kind: "macvlan",
    prefix: "dm",
    readMode({ macvlan_mode: mode }) {
      if (mode && !modes.includes(mode))
        throw internal(
          `requested macvlan mode '${mode}' is not valid, 'bridge' mode is the macvlan driver default`,
        );
      return { mode: mode || "bridge", flag: "" };
    },
    checkSharing({ mode, parent }, [other]) {
      if (!other) return;
      if (mode === "passthru")
        throw internal(
          `cannot use mode passthru, macvlan network ${other.id} is already using parent interface ${parent}`,
        );
      if (other.uplink?.mode === "passthru")
        throw internal(
          `macvlan network ${other.id} is already using parent interface ${parent} in mode passthru`,
        );
    },
    hasGateway: () => true,
    whyNoMac: undefined,
  });
}

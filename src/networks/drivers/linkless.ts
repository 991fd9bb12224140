import { forbidden } from "../../errors.ts";
import type { NetworkDriver } from "../driver.ts";

/** A network without links: "none", where an owner has its loopback, and "host", where it has the machine's own links. */
export function createLinklessDriver(name: "null" | "host", whyAlone: string): NetworkDriver {
  return {
    plan() {
      throw forbidden(`only one instance of "${name}" network is allowed`);
    },
    setUp: async () => {},
    tearDown: async () => {},
    restore: async () => {},
    ready: async () => {},
    interfaceOf: () => undefined,
    whyAlone,
    whyNoMac: undefined,
  };
}

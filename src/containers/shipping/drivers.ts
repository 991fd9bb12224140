import { fluentd } from "./fluentd.ts";
import { gelf } from "./gelf.ts";
import { journald } from "./journald.ts";
import type { RemoteDriver } from "./remote.ts";
import { syslog } from "./syslog.ts";

/** The drivers that take a log elsewhere, by name. */
export const remoteDrivers: ReadonlyMap<string, RemoteDriver> = new Map(
  Object.entries({ fluentd, gelf, journald, syslog }),
);

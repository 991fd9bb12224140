import type { Events } from "../events/events.ts";
import type { Images } from "../images/images.ts";
import type { Launcher } from "../launch/launch.ts";
import type { UserNamespaceChoice } from "../launch/namespaces.ts";
import type { DnsSettings } from "../launch/resolv-conf.ts";
import type { Logger } from "../logger.ts";
import type { EngineMetrics } from "../metrics/metrics.ts";
import type { Networks } from "../networks/networks.ts";
import type { CdiRegistry } from "../runtime/cdi/registry.ts";
import type { CgroupDriver } from "../runtime/cgroup-place.ts";
import type { State } from "../state/state.ts";
import type { Supervisor } from "../supervisor-client/client.ts";
import type { RuntimeCommand } from "../supervisor-protocol/protocol.ts";
import { type BuildGarbageSettings, defaultBuildGarbage } from "./cache/garbage-settings.ts";

/** What daemon.json says of the builder. */
export interface BuilderSettings {
  garbage: BuildGarbageSettings;
  /** What builds may be allowed: "network.host", "security.insecure", "device". */
  entitlements: readonly string[];
}

export const defaultBuilderSettings: BuilderSettings = {
  garbage: defaultBuildGarbage,
  entitlements: ["network.host", "device"],
};

/** What the builder stands on. */
export interface BuildRooms {
  images: Images;
  networks: Networks;
  events: Events;
  state: State;
  logger: Logger;
  metrics: EngineMetrics;
  launcher: Launcher;
  /** Devices that vendors describe. */
  cdi: CdiRegistry;
  /** The present one. */
  supervisor(): Supervisor;
  /** What steps that begin now run by. @throws EngineError internal when there is none */
  runtime(): RuntimeCommand;
  /** Data root. */
  root: string;
  execRoot: string;
  cgroupDriver: CgroupDriver;
  cgroupParent: string;
  /** The present one, of steps that have no other. */
  dns(): DnsSettings;
  /** A user namespace that maps as those of steps do; undefined where they run in the machine's own. */
  remap: UserNamespaceChoice | undefined;
  /** The present ones. */
  settings(): BuilderSettings;
}

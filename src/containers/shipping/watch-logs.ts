import { join } from "node:path";
import type { EngineEvent } from "../../events/events.ts";
import type { Container } from "../container.ts";
import { type Containers, folderOf } from "../containers.ts";
import { logPathOf } from "../logs/drivers.ts";
import { watchLog } from "../logs/watch-log.ts";
import { remoteDrivers } from "./drivers.ts";
import { type Shipper, startShipper } from "./shipper.ts";

/** By container. */
type Shippers = Map<string, Shipper>;

/**
 * Sends on the logs of all containers whose driver has them elsewhere: as they come, and what an earlier daemon left.
 * Call it before those are removed that have ended meanwhile, since their logs go with them.
 * @returns what ends it
 */
export function watchLogs(containers: Containers): () => void {
  const shippers: Shippers = new Map();
  const unsubscribe = containers.events.subscribe((event) => follow(containers, shippers, event));
  for (const container of containers.byId.values()) begin(containers, shippers, container);
  return () => {
    unsubscribe();
    for (const shipper of shippers.values()) shipper.close();
    shippers.clear();
  };
}

function follow(containers: Containers, shippers: Shippers, { Type, Action, Actor }: EngineEvent): void {
  if (Type !== "container") return;
  if (Action === "destroy") {
    shippers.get(Actor.ID)?.close();
    shippers.delete(Actor.ID);
  }
  const container = Action === "start" ? containers.byId.get(Actor.ID) : undefined;
  if (container) begin(containers, shippers, container);
}

function begin(containers: Containers, shippers: Shippers, container: Container): void {
  const { record } = container;
  const { Type: type, Config } = record.hostConfig.LogConfig;
  const driver = remoteDrivers.get(type);
  if (!driver || record.state.Status === "created") return;
  const known = shippers.get(record.id);
  if (known) {
    known.wake();
    return;
  }
  const folder = folderOf(containers, record.id);
  const path = logPathOf(folder, record);
  const wakeNow = () => shipper.wake();
  const unwatch = watchLog(path, wakeNow);
  const leaveContainer = container.onRest(wakeNow);
  const sent = Promise.withResolvers<void>();
  containers.unsent.set(record.id, sent.promise);
  const end = () => {
    unwatch();
    leaveContainer();
    containers.unsent.delete(record.id);
    sent.resolve();
  };
  let isCut = false;
  const warnOfCut = () => {
    if (!isCut) containers.logger.warn({ path }, "lines of a log are too large to be sent on whole");
    isCut = true;
  };
  const { wake, close } = startShipper(
    {
      path,
      placePath: join(folder, "shipped.json"),
      connect: () => driver.connect(record, Config ?? {}, warnOfCut),
      isAtRest: () => !record.state.Running,
      logger: containers.logger,
    },
    () => {
      end();
      shippers.delete(record.id);
      // It was started again in that moment.
      if (record.state.Running) begin(containers, shippers, container);
    },
  );
  const shipper: Shipper = {
    wake,
    close() {
      end();
      close();
    },
  };
  shippers.set(record.id, shipper);
}

import type { Container } from "./container.ts";
import type { Containers } from "./containers.ts";

/** Announces that a container begins or ceases to use its volumes. */
export function publishVolumes(
  { events }: Containers,
  { record }: Container,
  action: "mount" | "unmount",
): void {
  for (const { type, name, destination, readOnly, propagation } of record.mounts) {
    if (type !== "volume" || !name) continue;
    const driver = "local";
    const mount = { destination, driver, propagation, "read/write": String(!readOnly) };
    events.publish("volume", action, name, {
      container: record.id,
      ...(action === "mount" ? mount : { driver }),
    });
  }
}

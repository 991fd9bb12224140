import { readOom } from "../../sys/cgroup.ts";
import { createPauses } from "../../sys/pauses.ts";
import type { Container } from "../container.ts";
import { type Containers, publish } from "../containers.ts";
import { cgroupOf } from "../runtime-files.ts";

const lookMilliseconds = 1000;
/** What may make a container one that can run out of its memory. */
const mayBegin = ["start", "update"];

/** Announces that processes of a container run out of memory, also when it is not its first one. Looked for once a second. */
export function watchOom(containers: Containers): () => void {
  const watched = new Set<Container>();
  const isWorthIt = (container: Container) =>
    container.can("resize") && container.record.hostConfig.Memory > 0;
  const unsubscribe = containers.events.subscribe(({ Type, Action, Actor }) => {
    const container =
      Type === "container" && mayBegin.includes(Action) ? containers.byId.get(Actor.ID) : undefined;
    if (container && isWorthIt(container)) watched.add(container);
  });
  for (const container of containers.byId.values()) if (isWorthIt(container)) watched.add(container);
  let isLooking = false;
  const look = async () => {
    if (isLooking) return;
    isLooking = true;
    const pauses = createPauses();
    for (const container of watched) {
      if (isWorthIt(container)) lookForOom(containers, container);
      else watched.delete(container);
      await pauses.take();
    }
    isLooking = false;
  };
  const timer = setInterval(() => void look(), lookMilliseconds).unref();
  return () => {
    unsubscribe();
    clearInterval(timer);
  };
}

/** @returns whether the kernel has killed one of its processes for want of memory */
export function lookForOom(containers: Containers, container: Container): boolean {
  const now = readOom(cgroupOf(containers, container));
  // The cgroup may go before its end is dealt with.
  if (!now) return (container.oom?.kills ?? 0) > 0;
  // A daemon that was not there before does not know what has been announced.
  const before = container.oom ?? now;
  for (let kills = before.kills; kills < now.kills; kills++) publish(containers, container, "oom");
  if (now.isStuck && !before.isStuck) publish(containers, container, "oom");
  container.oom = now;
  return now.kills > 0;
}

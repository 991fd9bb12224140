import { readOom } from "../../sys/cgroup.ts";
import type { Container } from "../container.ts";
import { type Containers, publish } from "../containers.ts";
import { cgroupOf } from "../runtime-files.ts";

const lookMilliseconds = 1000;
/** In one turn of the event loop. */
const mostAtOnce = 100;

/** Announces that processes of a container run out of memory, also when it is not its first one. Looked for once a second. */
export function watchOom(containers: Containers): () => void {
  let queue: Container[] = [];
  const look = () => {
    for (const container of queue.splice(0, mostAtOnce)) {
      if (container.can("resize") && container.record.hostConfig.Memory > 0)
        lookForOom(containers, container);
    }
    if (queue.length > 0) setImmediate(look);
  };
  const timer = setInterval(() => {
    if (queue.length > 0) return;
    queue = [...containers.byId.values()];
    look();
  }, lookMilliseconds).unref();
  return () => clearInterval(timer);
}

/** @returns whether the kernel has killed one of its processes for want of memory */
export function lookForOom(containers: Containers, container: Container): boolean {
  const now = readOom(cgroupOf(containers, container));
  if (!now) return false;
  // A daemon that was not there before does not know what has been announced.
  const before = container.oom ?? now;
  for (let kills = before.kills; kills < now.kills; kills++) publish(containers, container, "oom");
  if (now.isStuck && !before.isStuck) publish(containers, container, "oom");
  container.oom = now;
  return now.kills > 0;
}

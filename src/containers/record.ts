import { configShape, endpointShape } from "../formats/docker-api/docker-api-config.ts";
import { hostConfigShape } from "../formats/docker-api/docker-api-host-config.ts";
import { entries, items, kindOf, oneOf, required } from "../formats/record-shape.ts";
import { type Decoded, flag, integer, optional, partial, struct, text } from "../formats/shape.ts";
import { never } from "../formats/timestamp.ts";
import { descriptorShape } from "../images/store/kinds.ts";
import { resolvedMountShape } from "../volumes/volumes.ts";

const time = { ...text, zero: () => never };

const healthShape = struct("Health", {
  Status: required(oneOf("starting", "healthy", "unhealthy")),
  /** Probes that have failed in a row. */
  FailingStreak: integer("int"),
  /** The last ones, newest last. */
  Log: items(struct("HealthResult", { Start: time, End: time, ExitCode: integer("int"), Output: text })),
});

const stateShape = struct("State", {
  Status: required(oneOf("created", "running", "paused", "restarting", "removing", "exited", "dead")),
  Running: flag,
  Paused: flag,
  Restarting: flag,
  OOMKilled: flag,
  Dead: flag,
  Pid: integer("int"),
  ExitCode: integer("int"),
  Error: text,
  StartedAt: time,
  FinishedAt: time,
  /** Of one that is checked. */
  Health: optional(healthShape),
});

const containerShape = struct("Container", {
  id: required(text),
  name: required(text),
  /** RFC 3339. */
  created: text,
  args: items(text),
  imageId: text,
  /** Of the image's manifests the one it runs, whatever others come into the image later. */
  manifest: optional(descriptorShape),
  config: required(configShape),
  hostConfig: required(hostConfigShape),
  state: required(stateShape),
  /** With state.Pid and bootId it names the process for good. */
  startTicks: integer("int64"),
  bootId: text,
  restartCount: integer("int"),
  /** Which of the layers of `init-layer.ts` is below its own. */
  initLayer: optional(text),
  stoppedByUser: flag,
  /** Of its last start, from the root of each hierarchy. */
  cgroup: optional(text),
  mounts: items(resolvedMountShape),
  /** Its anonymous volumes go with it: said when its removal begins. */
  removesVolumes: optional(flag),
  /** `--link` on the default bridge: which container it is linked to, and what it calls it. */
  links: items(struct("Link", { id: required(text), alias: required(text) })),
  /** As asked for at creation. */
  endpointsConfig: entries(partial(endpointShape)),
});

/** What is kept of a container. */
export type ContainerRecord = Decoded<typeof containerShape>;

export const containerKind = kindOf("container", containerShape);

import type { ContainerState } from "../../formats/docker-api/docker-api.ts";

/** What a container is, in Docker's words. A start that is under way shows in none of them. */
export type Phase = ContainerState["Status"];

/** What can happen to a container, and where that leads from which phase. Everything else is a mistake of ours. */
const changes = {
  started: { created: "running", restarting: "running", exited: "running" },
  /** With its supervisor, and no user waits for it: it is made again. */
  startCutOff: { restarting: "restarting", exited: "restarting" },
  startFailed: { created: "created", restarting: "exited", exited: "exited" },
  paused: { running: "paused" },
  unpaused: { paused: "running" },
  ended: { running: "exited", paused: "exited" },
  endedForRestart: { running: "restarting", paused: "restarting" },
  restartCancelled: { restarting: "exited" },
  removalBegun: {
    created: "removing",
    restarting: "removing",
    exited: "removing",
    dead: "removing",
    // By a daemon that did not carry it through.
    removing: "removing",
  },
  removalFailed: { removing: "dead" },
  /** A start that was never answered has come to something all the same. */
  foundRunning: {
    created: "running",
    restarting: "running",
    exited: "running",
    removing: "running",
    dead: "running",
  },
  /** The daemon was away, or the machine. */
  foundEnded: { running: "exited", paused: "exited", restarting: "exited" },
} as const satisfies Record<string, Partial<Record<Phase, Phase>>>;

export type Change = keyof typeof changes;

/** @returns undefined when it cannot happen in this phase */
export function nextPhase(phase: Phase, change: Change): Phase | undefined {
  return (changes[change] as Partial<Record<Phase, Phase>>)[phase];
}

/** What users can do, and when. */
const operations = {
  start: ["created", "restarting", "exited"],
  stop: ["running", "paused", "restarting"],
  kill: ["running", "paused", "restarting"],
  pause: ["running"],
  unpause: ["paused"],
  exec: ["running"],
  resize: ["running", "paused"],
  attach: ["created", "running", "removing", "exited", "dead"],
  remove: ["created", "exited", "dead"],
} as const satisfies Record<string, readonly Phase[]>;

export type Operation = keyof typeof operations;

export function can(phase: Phase, operation: Operation): boolean {
  return (operations[operation] as readonly Phase[]).includes(phase);
}

/** What Docker shows of a phase. It counts a container that waits for its restart as running. */
export function describePhase(
  phase: Phase,
): Pick<ContainerState, "Status" | "Running" | "Paused" | "Restarting" | "Dead"> {
  return {
    Status: phase,
    Running: phase === "running" || phase === "paused" || phase === "restarting",
    Paused: phase === "paused",
    Restarting: phase === "restarting",
    Dead: phase === "dead",
  };
}

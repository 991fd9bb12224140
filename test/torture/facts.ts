/** What the engine has acknowledged of one container. */
export interface ContainerFact {
  id: string;
  /** "ending": it ends soon, with `exitCode`. */
  status: "running" | "paused" | "ending" | "exited";
  /** While it runs. */
  pid: number;
  exitCode: number;
  /**
   * "counter" writes 1, 2, 3, … a line each, without end; "echo" gives back its input; "lines" has written as many as
   * `lines` says.
   */
  output: "none" | "counter" | "echo" | "lines";
  lines: number;
  /** A supervisor was killed while it wrote: what was on its way to the log then may be missing, but nothing is doubled. */
  mayHaveGaps: boolean;
  isTerminal: boolean;
  volume: string | undefined;
  network: string | undefined;
  image: string;
}

/** What one lane of the workload knows to be true. Nobody else touches these objects. */
export interface Facts {
  lane: string;
  containers: Map<string, ContainerFact>;
  /** Id by tag. */
  images: Map<string, string>;
  /** By volume: content by file. */
  volumes: Map<string, Map<string, string>>;
  networks: Map<string, string>;
  /** By recipe of a build: steps that were said to be done. */
  steps: Map<string, Set<string>>;
  /** "container x", "image x", …: an operation on it was never answered, so it may be as before or after. */
  doubts: Set<string>;
  /** Whether a supervisor was killed since a container's end was announced: then its exit code may be unknown. */
  lostSupervisor: boolean;
  /** What the operation was on that was under way at the last kill, and ended well all the same. */
  atKill: string | undefined;
}

export function noFacts(lane: string): Facts {
  return {
    lane,
    containers: new Map(),
    images: new Map(),
    volumes: new Map(),
    networks: new Map(),
    steps: new Map(),
    doubts: new Set(),
    lostSupervisor: false,
    atKill: undefined,
  };
}

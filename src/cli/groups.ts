/** Groups of commands and what they are for, as `berth --help` lists them. */
export const groups: Readonly<Record<string, string>> = {
  builder: "Manage builds",
  container: "Manage containers",
  context: "Manage contexts",
  image: "Manage images",
  manifest: "Manage Docker image manifests and manifest lists",
  network: "Manage networks",
  registry: "Run a registry of your own",
  system: "Manage Berth",
  volume: "Manage volumes",
};

/** What the launcher does by itself. */
export const ownPrograms: readonly string[] = ["daemon", "quickstart"];

/** Groups within those. */
export const innerGroups: Readonly<Record<string, string>> = {
  "builder cache-mount": "Manage what RUN --mount=type=cache keeps",
  "builder history": "Manage the history of builds",
};

/** Names Docker has and this engine does not have yet. */
export const unsupported: readonly string[] = [
  "checkpoint",
  "config",
  "node",
  "plugin",
  "secret",
  "service",
  "stack",
  "swarm",
  "trust",
];

const prefix = "container:";

/** The container whose namespace a mode shares ("container:web"); undefined for a mode of another kind. */
export function findModeContainer(mode: string): string | undefined {
  return mode.startsWith(prefix) ? mode.slice(prefix.length) : undefined;
}

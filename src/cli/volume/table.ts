import type { Entry } from "../entry.ts";

/** Commands for volumes; Docker has neither `clone`, `export`, `import` nor `rename`. */
export const volumeCommands: Readonly<Record<string, Entry>> = {
  "volume clone": {
    summary: "Make a new volume with the content of another",
    load: () => import("./clone.ts"),
  },
  "volume create": {
    summary: "Create a volume",
    load: () => import("./create.ts"),
  },
  "volume export": {
    summary: "Export a volume's content as a tar archive",
    load: () => import("./export.ts"),
  },
  "volume import": {
    summary: "Make a new volume with the content of a tar archive",
    load: () => import("./import.ts"),
  },
  "volume inspect": {
    summary: "Display detailed information on one or more volumes",
    load: () => import("./inspect.ts"),
  },
  "volume ls": {
    summary: "List volumes",
    aliases: ["volume list"],
    load: () => import("./list.ts"),
  },
  "volume prune": {
    summary: "Remove unused local volumes",
    load: () => import("./prune.ts"),
  },
  "volume rename": {
    summary: "Rename a volume that no container has",
    load: () => import("./rename.ts"),
  },
  "volume rm": {
    summary: "Remove one or more volumes. You cannot remove a volume that is in use by a container.",
    aliases: ["volume remove"],
    load: () => import("./remove.ts"),
  },
  "volume update": { summary: "Update a volume (cluster volumes only)" },
};

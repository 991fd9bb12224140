import type { Storage } from "../../registry/storage.ts";
import { type FlagValues, string } from "../flag.ts";

/** Where a registry keeps its data: the same for all commands on it. */
export const storageFlags = {
  root: string("", "Folder that holds everything", "/var/lib/registry", "path"),
};

export async function openStorage(flags: FlagValues<typeof storageFlags>): Promise<Storage> {
  const { openFolderStorage } = await import("../../registry/folder-storage.ts");
  return openFolderStorage(flags.root);
}

import { messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Records } from "../state/state.ts";
import type { VolumeDirectories } from "./directories.ts";
import type { VolumeRecord } from "./volume.ts";

/**
 * Ends what a killed daemon had begun, before anything else looks at the volumes: a folder that was imported, cloned or renamed gets
 * its volume's name, and one whose volume never came to be goes.
 */
export function restoreVolumes(
  stored: Records<VolumeRecord>,
  directories: VolumeDirectories,
  logger: Logger,
): void {
  const records = stored.load();
  for (const { staged, ...record } of records.values()) {
    if (staged === undefined) continue;
    const old = records.get(staged);
    const isSettled = directories.isThere(record);
    // Of a rename: the volume of the old name is this one, unless another has been made since.
    if (old && !(isSettled && directories.isThere(old))) {
      stored.delete(staged);
      records.delete(staged);
    }
    if (!isSettled) directories.settle(staged, record.name);
    stored.put(record.name, record);
    records.set(record.name, record);
  }
  directories.clear(new Set());
  // A creation or a removal that was cut off leaves a record without a directory: then it is an empty volume.
  for (const record of records.values()) completeOne(record, directories, logger);
}

/** Where a file system has lost its quotas meanwhile, the start of a container says so. */
function completeOne(record: VolumeRecord, directories: VolumeDirectories, logger: Logger): void {
  try {
    directories.ensure(record);
  } catch (error) {
    logger.warn({ volume: record.name, reason: messageOf(error) }, "a volume's directory could not be made");
  }
}

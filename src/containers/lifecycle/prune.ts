import { type Filters, fitsLabels, onlyUntil } from "../../formats/filters.ts";
import { parseUntil } from "../../formats/until.ts";
import type { Containers } from "../containers.ts";
import { sizesOf } from "../size.ts";
import { removeContainer } from "./remove.ts";

export const pruneFilters = ["label", "label!", "until"];

/**
 * Removes all containers that do not run.
 * @param gone aborted when no one waits for it any more: then the others stay
 * @throws EngineError invalid for the filters
 */
export async function pruneContainers(containers: Containers, filters: Filters, gone: AbortSignal) {
  const until = parseUntil(onlyUntil(filters));
  const deleted: string[] = [];
  let SpaceReclaimed = 0;
  for (const container of [...containers.byId.values()]) {
    if (gone.aborted) break;
    const { record } = container;
    if (!container.can("remove") || container.isLeaving) continue;
    if (until !== undefined && container.createdMilliseconds >= until) continue;
    if (!fitsLabels(filters, record.config.Labels)) continue;
    const { SizeRw } = await sizesOf(containers, container);
    try {
      await removeContainer(containers, container, { reference: container.record.id });
    } catch (error) {
      containers.logger.warn({ error, container: record.id }, "a container could not be pruned");
      continue;
    }
    deleted.push(record.id);
    SpaceReclaimed += Math.max(SizeRw, 0);
  }
  return { ContainersDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed };
}

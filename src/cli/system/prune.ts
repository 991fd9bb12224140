import { ApiError } from "../../client/api-error.ts";
import type { Client } from "../../client/client.ts";
import type { FilterValues } from "../../client/filters.ts";
import type { PruneResponse } from "../../formats/docker-api/docker-api-system.ts";
import { formatSize } from "../../formats/units.ts";
import { defineCommand, ExitError } from "../command.ts";
import { confirm } from "../confirm.ts";
import { filterFlag, toFilters, toPruneFilters } from "../filter.ts";
import { bool } from "../flag.ts";
import { formatDeletedImages } from "../image/prune.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: {
    all: bool("a", "Remove all unused images not just dangling ones"),
    filter: filterFlag('Provide filter values (e.g. "label=<key>=<value>")', ""),
    force: bool("f", "Do not prompt for confirmation"),
    volumes: bool("", "Prune anonymous volumes"),
  },
  async run({ cli, flags }) {
    if (flags.volumes && toFilters(flags.filter).until !== undefined) {
      throw new ExitError(1, 'ERROR: The "until" filter is not supported with "--volumes"');
    }
    const filters = toPruneFilters(cli, flags.filter);
    if (!flags.force && !(await confirm(cli, formatWarning(flags, filters)))) return;
    const client = await cli.client();
    let spaceBytes = 0;
    for (const prune of steps(client, filters, flags)) {
      const answer = await prune();
      spaceBytes += answer.SpaceReclaimed ?? 0;
      for (const block of formatDeleted(answer)) cli.print(`${block}\n`);
    }
    cli.print(`Total reclaimed space: ${formatSize(spaceBytes)}`);
  },
});

function formatWarning(flags: { all: boolean; volumes: boolean }, filters: FilterValues): string {
  const lines = [
    "WARNING! This will remove:",
    "  - all stopped containers",
    "  - all networks not used by at least one container",
    ...(flags.volumes ? ["  - all anonymous volumes not used by at least one container"] : []),
    flags.all
      ? "  - all images without at least one container associated to them"
      : "  - all dangling images",
    flags.all ? "  - all build cache" : "  - unused build cache",
    "",
  ];
  const texts = Object.entries(filters).flatMap(([name, values]) =>
    values.map((value) => `${name}=${value}`),
  );
  if (texts.length > 0) {
    const items = texts.sort().map((text) => `  - ${text}`);
    lines.push("  Items to be pruned will be filtered with:", ...items, "");
  }
  return lines.join("\n");
}

/** One after the other: what a container holds can go only after it. */
function steps(
  client: Client,
  filters: FilterValues,
  flags: { all: boolean; volumes: boolean },
): (() => Promise<PruneResponse>)[] {
  const { until: _, ...withoutUntil } = filters;
  return [
    () => client.containers.prune(filters),
    () => client.networks.prune(filters),
    ...(flags.volumes ? [() => client.volumes.prune(withoutUntil)] : []),
    () => client.images.prune({ ...filters, dangling: [String(!flags.all)] }),
    () => client.pruneBuilds({ all: flags.all, filters }).catch(ignoreMissing),
  ];
}

/** An engine without a builder has no build cache. */
function ignoreMissing(error: unknown): PruneResponse {
  if (error instanceof ApiError && [404, 405, 501].includes(error.status)) return {};
  throw error;
}

function formatDeleted(answer: PruneResponse): string[] {
  const blocks: string[] = [];
  const add = (title: string, names: readonly string[] | null | undefined) => {
    if (names?.length) blocks.push(`${title}:\n${names.join("\n")}`);
  };
  add("Deleted Containers", answer.ContainersDeleted);
  add("Deleted Networks", answer.NetworksDeleted);
  add("Deleted Volumes", answer.VolumesDeleted);
  if (answer.ImagesDeleted?.length) blocks.push(formatDeletedImages(answer.ImagesDeleted).trimEnd());
  add("Deleted build cache objects", answer.CachesDeleted);
  return blocks;
}

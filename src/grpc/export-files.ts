import {
  exportArchives,
  exportDirectories,
  type FilesTarget,
  type PlacedStatement,
} from "../build/export/files.ts";
import { readFlag } from "../build/export/flags.ts";
import { stateProvenanceOfFiles } from "../build/export/provenance.ts";
import { invalid } from "../errors.ts";
import { formatPlatform } from "../formats/platform.ts";
import type { Door } from "./door.ts";
import { type Built, dateOf, type Exporter, factsOf } from "./exporters.ts";
import type { Job, ResultRef } from "./jobs.ts";

type Order = Exporter & { startedAt: number };
interface Releasable {
  release(): void;
}

/** Sends the root file systems to the client: to a directory, or as an archive. */
export async function exportFiles(
  door: Door,
  job: Job,
  built: readonly Built[],
  exporter: Order,
): Promise<void> {
  const { report } = job.events;
  const [only] = built;
  const date = only && dateOf(only, exporter);
  const target = {
    ...{ session: await door.sessions.get(job.request.session), exporter: exporter.index, report },
    ...(date !== undefined && { mtimeSeconds: date / 1000 }),
  };
  return exporter.type === "tar"
    ? exportTar(job, built, exporter, target)
    : exportLocal(job, built, exporter, target);
}

async function exportLocal(
  job: Job,
  built: readonly Built[],
  exporter: Order,
  target: FilesTarget,
): Promise<void> {
  const isSplit = readFlag(exporter.attrs, "platform-split", built.length > 1);
  await withAll(
    built.map(async (one) => {
      const place = placeOf(one.image, isSplit);
      const [folder, statement] = await both(
        one.build.flatten(one.layers),
        stateOf(job, one, exporter, !isSplit && built.length > 1),
      );
      return {
        folder,
        ...place,
        ...(statement && { statement }),
        release: () => releaseBoth(folder, statement),
      };
    }),
    (folders) => exportDirectories(folders, target),
  );
}

/** What of several is for one platform has a folder of its own, as BuildKit has it; a tar always, where there are several. */
async function exportTar(
  job: Job,
  built: readonly Built[],
  exporter: Order,
  target: FilesTarget,
): Promise<void> {
  await withAll(
    built.map(async (one) => {
      const { below } = placeOf(one.image, built.length > 1);
      const [archive, statement] = await both(
        one.build.pack(one.layers, { below, ...target }),
        stateOf(job, one, exporter, false),
      );
      return {
        archive,
        below,
        ...(statement && { statement }),
        release: () => releaseBoth(archive, statement),
      };
    }),
    (archives) => exportArchives(archives, target),
  );
}

/** What is said of one; undefined when that is not asked for. */
async function stateOf(
  job: Job,
  { build, image, layers }: Built,
  { attrs, startedAt }: Order,
  isNamedByPlatform: boolean,
): Promise<(PlacedStatement & Releasable) | undefined> {
  const facts = factsOf(job, { build, image }, { names: [], startedAt });
  if (!facts) return undefined;
  const prefix = attrs.get("attestation-prefix") ?? "";
  if (!/^[^/\0]{0,200}$/.test(prefix))
    throw invalid(
      `invalid attestation-prefix ${JSON.stringify(prefix)}: it is the beginning of a file's name`,
    );
  const ending = isNamedByPlatform ? `.${formatPlatform(image.platform).replaceAll("/", "_")}` : "";
  const { path, release } = await build.state(layers, stateProvenanceOfFiles(facts));
  return { name: `${prefix}provenance${ending}.json`, path, release };
}

const releaseBoth = (...all: (Releasable | undefined)[]) => {
  for (const one of all) one?.release();
};

/** The one that is there is let go of when the other fails. */
async function both<A extends Releasable, B extends Releasable | undefined>(
  one: Promise<A>,
  other: Promise<B>,
): Promise<[A, B]> {
  const [first, second] = await Promise.allSettled([one, other]);
  if (first.status === "fulfilled" && second.status === "fulfilled") return [first.value, second.value];
  releaseBoth(first.status === "fulfilled" ? first.value : undefined);
  releaseBoth(second.status === "fulfilled" ? second.value : undefined);
  throw first.status === "rejected" ? first.reason : (second as PromiseRejectedResult).reason;
}

/** Runs `use` with what is being made, and lets go of it afterwards, whatever fails. */
async function withAll<T extends Releasable>(
  making: readonly Promise<T>[],
  use: (made: T[]) => Promise<void>,
): Promise<void> {
  const settled = await Promise.allSettled(making);
  const made = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  try {
    for (const one of settled) if (one.status === "rejected") throw one.reason;
    await use(made);
  } finally {
    releaseBoth(...made);
  }
}

function placeOf({ platform: given }: ResultRef["image"], isSplit: boolean) {
  const platform = formatPlatform(given);
  return { platform, below: isSplit ? platform.replaceAll("/", "_") : "" };
}
